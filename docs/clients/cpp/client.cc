// A feed service in C++: deadline, repetition only where it is safe, lawful fallback.
// client ADDRESS KEYS_FILE CANDIDATES SECONDS   (TOKEN=bearer token, under TLS alone)
#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ranker/v1/rerank.grpc.pb.h"

namespace pb = ranker::v1;
using Clock = std::chrono::system_clock;
using Steady = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

const milliseconds kDeadline(500), kPace(200), kFreshen(1000);
const milliseconds kBackoff(5);  // before the first repetition; it doubles
const int kRepeatsMax = 5;
const std::string kSigned = "slotwarden-fallback/v1\n";

class Feed {
 public:
  Feed(const std::string& address, std::istream& keys, pb::RerankRequest request)
      : stub_(pb::RerankService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        request_(std::move(request)) {
    for (std::string line; keys >> line;) {  // a key a line: its name, its id, the key
      auto first = line.find('+'), second = line.find('+', first + 1);
      auto text = line.substr(second + 1);
      std::vector<unsigned char> raw(text.size());
      EVP_DecodeBlock(raw.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      text.size());
      keys_[line.substr(0, first)].assign(raw.begin() + 1, raw.begin() + 33);  // kind comes first
    }
    if (const char* token = std::getenv("TOKEN")) token_ = token;
    freshener_ = std::thread([this] { KeepFresh(); });
  }

  ~Feed() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stops_ = true;
    }
    wakes_.notify_all();
    freshener_.join();
  }

  std::string Page() {
    pb::RerankResponse reply;
    auto status = Call(kDeadline, [&](grpc::ClientContext* context) {
      return stub_->Rerank(context, request_, &reply);
    });
    std::ostringstream told;
    if (status.ok()) {
      told << "decided";
      for (const auto& p : reply.decision().placements()) {
        std::vector<int> duties;
        for (const auto& owed : p.duties()) duties.push_back(owed.duty());
        told << ' ' << Shown(p.id(), duties);
      }
      return told.str();
    }
    std::cerr << status.error_code() << ' ' << status.error_message() << std::endl;
    auto held = Now();
    auto now = std::chrono::duration_cast<microseconds>(Clock::now().time_since_epoch()).count();
    if (held && Steady::now() < held->until &&
        static_cast<uint64_t>(now) < held->slate.expires_us()) {
      told << "fallback";
      for (const auto& slot : held->slate.slots()) told << ' ' << Shown(slot.id(), slot.duties());
      return told.str();
    }
    return "none";  // no governed slot: never the raw list
  }

 private:
  // The newest fallback slate, and until when it may be shown by our steady clock: one that is
  // set wrong may not lengthen that.
  struct Held {
    pb::FallbackSlate slate;
    Steady::time_point until;
  };

  // Shows a candidate with its duties, marks and numbers: without them it is unlawful.
  template <typename Duties>
  static std::string Shown(const std::string& id, const Duties& duties) {
    if (id.empty()) return "-";
    std::string told = id;
    for (auto duty : duties)
      told += '+' + pb::Duty_Name(static_cast<pb::Duty>(duty)).substr(std::strlen("DUTY_"));
    return told;
  }

  // Repeats what may be repeated while the deadline lasts.
  grpc::Status Call(milliseconds limit,
                    const std::function<grpc::Status(grpc::ClientContext*)>& call) const {
    auto until = Clock::now() + limit;
    for (int repeats = 0;; ++repeats) {
      grpc::ClientContext context;
      context.set_deadline(until);
      if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
      auto status = call(&context);
      auto wait = Pause(status.error_code(), context, repeats);
      if (status.ok() || !wait || Clock::now() + *wait >= until) return status;
      std::this_thread::sleep_for(*wait);
    }
  }

  // Tells how long to wait before the next try, nothing where there must be none.
  static std::optional<milliseconds> Pause(grpc::StatusCode code,
                                           const grpc::ClientContext& context, int repeats) {
    bool unanswered = code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::CANCELLED;
    if (unanswered && repeats < kRepeatsMax)
      return kBackoff * (1 << repeats);  // Rerank is safe to repeat: it only adds a record
    if (code != grpc::StatusCode::RESOURCE_EXHAUSTED || repeats > 0) return std::nullopt;
    const auto& trailer = context.GetServerTrailingMetadata();
    auto told = trailer.find("grpc-retry-pushback-ms");  // once, when the server says when
    if (told == trailer.end()) return std::nullopt;
    long ms = -1;
    std::istringstream(std::string(told->second.data(), told->second.size())) >> ms;
    if (ms < 0) return std::nullopt;
    return milliseconds(ms);
  }

  // Runs beside the pages: none of them waits for it.
  void KeepFresh() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stops_) {
      lock.unlock();
      auto fresh = Fetched();
      lock.lock();
      bool is_older = fresh && held_ && fresh->slate.decided_us() < held_->slate.decided_us();
      if (fresh && !is_older) held_ = fresh;  // else the last one serves until it expires
      wakes_.wait_for(lock, kFreshen, [this] { return stops_; });
    }
  }

  std::optional<Held> Fetched() const {
    pb::FallbackSlateRequest asked;
    *asked.mutable_request() = request_;
    pb::FallbackSlateResponse reply;
    auto begun = Steady::now();
    auto status = Call(milliseconds(2000), [&](grpc::ClientContext* context) {
      return stub_->FallbackSlate(context, asked, &reply);
    });
    pb::FallbackSlate slate;
    if (!status.ok() || !IsSigned(reply) || !slate.ParseFromString(reply.slate()) || !IsFor(slate))
      return std::nullopt;
    return Held{slate, begun + microseconds(slate.expires_us() - slate.decided_us())};
  }

  std::optional<Held> Now() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return held_;
  }

  // Tells whether a slate is one for our page: a signature does not say whose answer it is.
  bool IsFor(const pb::FallbackSlate& slate) const {
    return slate.surface() == request_.surface() && slate.terminal() == request_.terminal() &&
           slate.viewer_class() == request_.viewer_class() && slate.personalised() &&
           slate.slots_size() == static_cast<int>(request_.slot_count());
  }

  bool IsSigned(const pb::FallbackSlateResponse& reply) const {
    auto known = keys_.find(reply.key().substr(0, reply.key().find('+')));
    if (known == keys_.end()) return false;
    auto message = kSigned + reply.slate();
    EVP_PKEY* key = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, known->second.data(), 32);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    bool holds =
        EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key) == 1 &&
        EVP_DigestVerify(context,
                         reinterpret_cast<const unsigned char*>(reply.signature().data()),
                         reply.signature().size(),
                         reinterpret_cast<const unsigned char*>(message.data()),
                         message.size()) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return holds;
  }

  std::unique_ptr<pb::RerankService::Stub> stub_;  // one channel a process
  pb::RerankRequest request_;
  std::map<std::string, std::vector<unsigned char>> keys_;  // each server process has its own
  std::string token_;
  mutable std::mutex mutex_;  // of what follows
  std::optional<Held> held_;
  bool stops_ = false;
  std::condition_variable wakes_;
  std::thread freshener_;
};

int main(int count, char** words) {
  if (count != 5) return 2;
  pb::RerankRequest request;
  request.set_surface("home");
  request.set_terminal("phone");
  request.set_slot_count(5);
  std::ifstream candidates(words[3]);
  std::string id;
  for (float utility; candidates >> id >> utility;) {
    request.mutable_columns()->add_string_ids(id);
    request.mutable_columns()->add_utilities(utility);
  }
  std::ifstream keys(words[2]);
  Feed feed(words[1], keys, request);
  auto end = Clock::now() + std::chrono::seconds(std::stoi(words[4]));
  for (auto begun = Clock::now(); begun < end; begun = Clock::now()) {
    std::cout << feed.Page() << std::endl;
    std::this_thread::sleep_until(begun + kPace);
  }
}

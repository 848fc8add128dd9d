// A feed service in C++: deadline, repetition only where it is safe, lawful fallback.
// client ADDRESS KEY_FILE CANDIDATES SECONDS
#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
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
using std::chrono::milliseconds;

const milliseconds kDeadline(500);
const std::string kSigned = "slotwarden-fallback/v1\n";

class Feed {
 public:
  Feed(const std::string& address, const std::string& key_line, pb::RerankRequest request)
      : stub_(pb::RerankService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        request_(std::move(request)) {
    auto first = key_line.find('+'), second = key_line.find('+', first + 1);
    name_ = key_line.substr(0, first);
    auto text = key_line.substr(second + 1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
    std::vector<unsigned char> raw(text.size());
    EVP_DecodeBlock(raw.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
    key_.assign(raw.begin() + 1, raw.begin() + 33);
    Refresh();
    // Behind the pages' back: no page ever waits for a fallback slate.
    refresher_ = std::thread([this] {
      for (int tick = 1; !stopped_; ++tick) {
        if (tick % 10 == 0) Refresh();
        std::this_thread::sleep_for(milliseconds(100));
      }
    });
  }

  ~Feed() {
    stopped_ = true;
    refresher_.join();
  }

  std::string Page() {
    pb::RerankResponse reply;
    auto status = Call(kDeadline, [&](grpc::ClientContext* context) {
      return stub_->Rerank(context, request_, &reply);
    });
    std::ostringstream told;
    if (status.ok()) {
      told << "decided";
      for (const auto& p : reply.decision().placements()) told << ' ' << Shown(p.id());
      return told.str();
    }
    auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                   Clock::now().time_since_epoch()).count();
    std::lock_guard<std::mutex> lock(mutex_);
    if (held_ && static_cast<uint64_t>(now) < held_->expires_us()) {
      told << "fallback";
      for (const auto& slot : held_->slots()) told << ' ' << Shown(slot.id());
      return told.str();
    }
    return "none";  // no governed slot: never the raw list
  }

 private:
  void Refresh() {
    pb::FallbackSlateRequest asked;
    *asked.mutable_request() = request_;
    pb::FallbackSlateResponse reply;
    auto status = Call(milliseconds(2000), [&](grpc::ClientContext* context) {
      return stub_->FallbackSlate(context, asked, &reply);
    });
    if (!status.ok() || !IsSigned(reply)) return;  // the last one serves until it expires
    pb::FallbackSlate slate;
    std::lock_guard<std::mutex> lock(mutex_);
    if (slate.ParseFromString(reply.slate())) held_ = slate;
  }

  static std::string Shown(const std::string& id) { return id.empty() ? "-" : id; }

  // Repeats what is safe to repeat while the deadline lasts: Rerank only adds a record.
  static grpc::Status Call(milliseconds limit,
                           const std::function<grpc::Status(grpc::ClientContext*)>& call) {
    auto until = Clock::now() + limit;
    for (milliseconds wait(5);; wait *= 2) {
      grpc::ClientContext context;
      context.set_deadline(until);
      auto status = call(&context);
      auto pause = Pause(status, context, wait);
      if (!pause || Clock::now() + *pause >= until) return status;
      std::this_thread::sleep_for(*pause);
    }
  }

  // How long to wait before the next try; nothing where there must be none.
  static std::optional<milliseconds> Pause(const grpc::Status& status,
                                           const grpc::ClientContext& context,
                                           milliseconds wait) {
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
      case grpc::StatusCode::CANCELLED:
        return wait;
      case grpc::StatusCode::RESOURCE_EXHAUSTED: {  // only when the server says when
        const auto& trailer = context.GetServerTrailingMetadata();
        auto told = trailer.find("grpc-retry-pushback-ms");
        if (told == trailer.end()) return std::nullopt;
        return milliseconds(std::atoi(std::string(told->second.data(), told->second.size()).c_str()));
      }
      default:
        return std::nullopt;
    }
  }

  bool IsSigned(const pb::FallbackSlateResponse& reply) const {
    if (reply.key().rfind(name_ + "+", 0) != 0) return false;
    auto message = kSigned + reply.slate();
    EVP_PKEY* key = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(key_.data()), 32);
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
  std::string name_, key_;
  std::mutex mutex_;
  std::optional<pb::FallbackSlate> held_;  // the newest fallback slate
  std::atomic<bool> stopped_{false};
  std::thread refresher_;
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
  std::ifstream key_file(words[2]);
  std::string key_line;
  std::getline(key_file, key_line);
  Feed feed(words[1], key_line, request);
  auto end = Clock::now() + std::chrono::seconds(std::stoi(words[4]));
  while (Clock::now() < end) {
    std::cout << feed.Page() << std::endl;
    std::this_thread::sleep_for(milliseconds(200));
  }
}

// A feed service in Java: deadline, repetition only where it is safe, lawful fallback.
// java Client ADDRESS KEYS_FILE CANDIDATES SECONDS   (TOKEN=bearer token, under TLS alone)
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import ranker.v1.DecisionOuterClass.Duty;
import ranker.v1.Rerank.CandidateColumns;
import ranker.v1.Rerank.FallbackSlate;
import ranker.v1.Rerank.FallbackSlateRequest;
import ranker.v1.Rerank.FallbackSlateResponse;
import ranker.v1.Rerank.RerankRequest;
import ranker.v1.RerankServiceGrpc;
import ranker.v1.RerankServiceGrpc.RerankServiceBlockingStub;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

final class Client {
  static final int DEADLINE_MS = 500, PACE_MS = 200, FRESHEN_MS = 1000;
  static final int BACKOFF_MS = 5; // before the first repetition; it doubles
  static final int REPEATS_MAX = 5;
  static final int NEVER = -1;
  static final byte[] SIGNED = "slotwarden-fallback/v1\n".getBytes(StandardCharsets.UTF_8);
  static final String SPKI_OF_ED25519 = "302a300506032b6570032100";
  static final Metadata.Key<String> PUSHBACK = text("grpc-retry-pushback-ms");

  final RerankServiceBlockingStub stub;
  final RerankRequest request;
  final Map<String, PublicKey> keys = new HashMap<>(); // by name: each server process has its own
  volatile Held held;

  // The newest fallback slate, and until when it may be shown by our steady clock: one that is set
  // wrong may not lengthen that.
  record Held(FallbackSlate slate, long untilNs) {
    boolean isOver() {
      return System.nanoTime() - untilNs >= 0
          || System.currentTimeMillis() * 1000 >= slate.getExpiresUs();
    }
  }

  Client(RerankServiceBlockingStub stub, List<String> lines, RerankRequest request)
      throws Exception {
    this.stub = stub;
    this.request = request;
    for (String line : lines) { // a key a line
      String[] parts = line.strip().split("\\+", 3);
      byte[] raw = Base64.getDecoder().decode(parts[2]); // its kind, then the key
      HexFormat hex = HexFormat.of();
      byte[] spki = hex.parseHex(SPKI_OF_ED25519 + hex.formatHex(raw, 1, 33));
      KeyFactory factory = KeyFactory.getInstance("Ed25519");
      keys.put(parts[0], factory.generatePublic(new X509EncodedKeySpec(spki)));
    }
  }

  // Repeats what may be repeated while the deadline lasts.
  <T> T call(int limitMs, Function<RerankServiceBlockingStub, T> call) throws InterruptedException {
    long until = System.nanoTime() + limitMs * 1_000_000L;
    for (int repeats = 0; ; repeats++) {
      try {
        return call.apply(stub.withDeadlineAfter(until - System.nanoTime(), NANOSECONDS));
      } catch (StatusRuntimeException error) {
        long waitMs = pauseMs(error, repeats);
        boolean isOver = System.nanoTime() + waitMs * 1_000_000L >= until;
        if (waitMs == NEVER || isOver) throw error;
        Thread.sleep(waitMs);
      }
    }
  }

  // Tells how long to wait before the next try, NEVER where there must be none.
  static long pauseMs(StatusRuntimeException error, int repeats) {
    Status.Code code = error.getStatus().getCode();
    boolean isUnanswered = code == Status.Code.UNAVAILABLE || code == Status.Code.CANCELLED;
    if (isUnanswered && repeats < REPEATS_MAX) {
      return (long) BACKOFF_MS << repeats; // Rerank is safe to repeat: it only adds a record
    }
    if (code == Status.Code.RESOURCE_EXHAUSTED && repeats == 0 && error.getTrailers() != null) {
      String told = error.getTrailers().get(PUSHBACK); // once, when the server says when
      return told != null && told.matches("\\d{1,9}") ? Long.parseLong(told) : NEVER;
    }
    return NEVER;
  }

  // Runs beside the pages: none of them waits for it.
  void keepFresh() {
    try {
      for (; ; Thread.sleep(FRESHEN_MS)) refresh();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  void refresh() throws InterruptedException {
    FallbackSlateRequest asked = FallbackSlateRequest.newBuilder().setRequest(request).build();
    long begun = System.nanoTime();
    try {
      FallbackSlateResponse reply = call(2000, stub -> stub.fallbackSlate(asked));
      if (!isSigned(reply)) return;
      FallbackSlate slate = FallbackSlate.parseFrom(reply.getSlate());
      boolean isOlder = held != null && slate.getDecidedUs() < held.slate().getDecidedUs();
      long lastsNs = (slate.getExpiresUs() - slate.getDecidedUs()) * 1000;
      if (isFor(slate) && !isOlder) held = new Held(slate, begun + lastsNs);
    } catch (InterruptedException stopped) {
      throw stopped;
    } catch (Exception fault) {
      // the last one serves until it expires
    }
  }

  // Tells whether a slate is one for our page: a signature does not say whose answer it is.
  boolean isFor(FallbackSlate slate) {
    return slate.getSurface().equals(request.getSurface())
        && slate.getTerminal().equals(request.getTerminal())
        && slate.getViewerClassValue() == request.getViewerClassValue()
        && slate.getPersonalised()
        && slate.getSlotsCount() == request.getSlotCount();
  }

  boolean isSigned(FallbackSlateResponse reply) throws Exception {
    PublicKey key = keys.get(reply.getKey().split("\\+", 2)[0]);
    if (key == null) return false;
    Signature ours = Signature.getInstance("Ed25519");
    ours.initVerify(key);
    ours.update(SIGNED);
    ours.update(reply.getSlate().toByteArray());
    return ours.verify(reply.getSignature().toByteArray());
  }

  String page() throws InterruptedException {
    StringBuilder told = new StringBuilder();
    try {
      var reply = call(DEADLINE_MS, stub -> stub.rerank(request));
      told.append("decided");
      reply.getDecision().getPlacementsList().forEach(p -> told.append(
          shown(p.getId(), p.getDutiesList().stream().map(owed -> owed.getDuty()).toList())));
      return told.toString();
    } catch (StatusRuntimeException fault) {
      System.err.println(fault.getStatus());
      Held now = held;
      if (now == null || now.isOver()) {
        return "none"; // no governed slot: never the raw list
      }
      told.append("fallback");
      now.slate().getSlotsList().forEach(
          slot -> told.append(shown(slot.getId(), slot.getDutiesList())));
      return told.toString();
    }
  }

  // Shows a candidate with its duties, marks and numbers: without them it is unlawful.
  static String shown(String id, List<Duty> duties) {
    StringBuilder told = new StringBuilder(id.isEmpty() ? " -" : " " + id);
    duties.forEach(duty -> told.append('+').append(duty.name().replace("DUTY_", "")));
    return told.toString();
  }

  static Metadata.Key<String> text(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  public static void main(String[] words) throws Exception {
    CandidateColumns.Builder columns = CandidateColumns.newBuilder();
    for (String line : Files.readAllLines(Path.of(words[2]))) {
      String[] fields = line.split(" ");
      columns.addStringIds(fields[0]).addUtilities(Float.parseFloat(fields[1]));
    }
    RerankRequest request = RerankRequest.newBuilder()
        .setSurface("home").setTerminal("phone").setSlotCount(5).setColumns(columns).build();
    // One channel a process; gRPC keeps it connected, and moves to another worker when asked to.
    ManagedChannel channel = NettyChannelBuilder.forTarget(words[0]).usePlaintext().build();
    RerankServiceBlockingStub stub = RerankServiceGrpc.newBlockingStub(channel);
    String token = System.getenv().getOrDefault("TOKEN", "");
    if (!token.isEmpty()) {
      Metadata metadata = new Metadata();
      metadata.put(text("authorization"), "Bearer " + token);
      stub = stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
    }
    Client client = new Client(stub, Files.readAllLines(Path.of(words[1])), request);
    Thread freshener = new Thread(client::keepFresh, "fallback");
    freshener.setDaemon(true);
    freshener.start();
    long end = System.nanoTime() + Long.parseLong(words[3]) * 1_000_000_000L;
    for (long begun = System.nanoTime(); begun < end; begun = System.nanoTime()) {
      System.out.println(client.page());
      Thread.sleep(Math.max(0, PACE_MS - (System.nanoTime() - begun) / 1_000_000));
    }
    freshener.interrupt();
    channel.shutdownNow();
  }
}

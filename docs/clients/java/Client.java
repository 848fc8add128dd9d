// A feed service in Java: deadline, repetition only where it is safe, lawful fallback.
// Client ADDRESS KEY_FILE CANDIDATES SECONDS
import cn.slotwarden.v1.Rerank.CandidateColumns;
import cn.slotwarden.v1.Rerank.FallbackSlate;
import cn.slotwarden.v1.Rerank.FallbackSlateRequest;
import cn.slotwarden.v1.Rerank.FallbackSlateResponse;
import cn.slotwarden.v1.Rerank.RerankRequest;
import cn.slotwarden.v1.RerankServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;

public final class Client {
  private static final long DEADLINE_MS = 500;
  private static final byte[] SIGNED = "slotwarden-fallback/v1\n".getBytes();
  private static final byte[] ED25519 = // head of a public key as X.509 writes it
      {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
  private static final Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

  private final RerankServiceGrpc.RerankServiceBlockingStub stub;
  private final RerankRequest request;
  private final String name;
  private final PublicKey key;
  private volatile FallbackSlate held; // the newest fallback slate

  Client(ManagedChannel channel, String keyLine, RerankRequest request) throws Exception {
    this.stub = RerankServiceGrpc.newBlockingStub(channel);
    this.request = request;
    String[] parts = keyLine.trim().split("\\+", 3);
    this.name = parts[0];
    byte[] raw = Base64.getDecoder().decode(parts[2]);
    byte[] encoded = new byte[ED25519.length + 32];
    System.arraycopy(ED25519, 0, encoded, 0, ED25519.length);
    System.arraycopy(raw, 1, encoded, ED25519.length, 32);
    this.key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
  }

  /** Repeats what is safe to repeat while the deadline lasts: Rerank only adds a record. */
  private <R> R call(
      long limitMs, Function<RerankServiceGrpc.RerankServiceBlockingStub, R> method)
      throws InterruptedException {
    long until = System.currentTimeMillis() + limitMs;
    for (long wait = 5; ; wait *= 2) {
      long left = Math.max(until - System.currentTimeMillis(), 1);
      try {
        return method.apply(stub.withDeadlineAfter(left, TimeUnit.MILLISECONDS));
      } catch (StatusRuntimeException error) {
        long pause = pauseOf(error, wait);
        if (pause < 0 || System.currentTimeMillis() + pause >= until) {
          throw error;
        }
        Thread.sleep(pause);
      }
    }
  }

  /** How long to wait before the next try, below 0 where there must be none. */
  private static long pauseOf(StatusRuntimeException error, long wait) {
    Status.Code code = error.getStatus().getCode();
    if (code == Status.Code.UNAVAILABLE || code == Status.Code.CANCELLED) {
      return wait;
    }
    Metadata trailers = error.getTrailers();
    if (code != Status.Code.RESOURCE_EXHAUSTED || trailers == null) {
      return -1;
    }
    String told = trailers.get(PUSHBACK); // only when the server says when
    return told == null ? -1 : Long.parseLong(told);
  }

  /** Asks for a fallback slate; the last one serves until it expires. */
  void refresh() {
    try {
      FallbackSlateRequest asked = FallbackSlateRequest.newBuilder().setRequest(request).build();
      FallbackSlateResponse reply = call(2000, s -> s.fallbackSlate(asked));
      Signature signature = Signature.getInstance("Ed25519");
      signature.initVerify(key);
      signature.update(SIGNED);
      signature.update(reply.getSlate().toByteArray());
      if (reply.getKey().startsWith(name + "+")
          && signature.verify(reply.getSignature().toByteArray())) {
        held = FallbackSlate.parseFrom(reply.getSlate());
      }
    } catch (Exception error) {
      // nobody answers, or not with what can be believed
    }
  }

  String page() throws InterruptedException {
    try {
      return call(DEADLINE_MS, s -> s.rerank(request)).getDecision().getPlacementsList().stream()
          .map(p -> shown(p.getId()))
          .collect(Collectors.joining(" ", "decided ", ""));
    } catch (StatusRuntimeException error) {
      FallbackSlate slate = held;
      if (slate != null && System.currentTimeMillis() * 1000 < slate.getExpiresUs()) {
        return slate.getSlotsList().stream()
            .map(slot -> shown(slot.getId()))
            .collect(Collectors.joining(" ", "fallback ", ""));
      }
      return "none"; // no governed slot: never the raw list
    }
  }

  private static String shown(String id) {
    return id.isEmpty() ? "-" : id;
  }

  public static void main(String[] words) throws Exception {
    CandidateColumns.Builder columns = CandidateColumns.newBuilder();
    for (String line : Files.readAllLines(Path.of(words[2]))) {
      String[] fields = line.split(" ");
      columns.addStringIds(fields[0]).addUtilities(Float.parseFloat(fields[1]));
    }
    RerankRequest request =
        RerankRequest.newBuilder().setSurface("home").setTerminal("phone").setSlotCount(5)
            .setColumns(columns).build();
    // One channel a process; gRPC keeps it connected.
    ManagedChannel channel = NettyChannelBuilder.forTarget(words[0]).usePlaintext().build();
    Client client = new Client(channel, Files.readString(Path.of(words[1])), request);
    client.refresh();
    // Behind the pages' back: no page ever waits for a fallback slate.
    var refresher = Executors.newSingleThreadScheduledExecutor(
        task -> { var thread = new Thread(task); thread.setDaemon(true); return thread; });
    refresher.scheduleWithFixedDelay(client::refresh, 1, 1, TimeUnit.SECONDS);
    long end = System.currentTimeMillis() + Long.parseLong(words[3]) * 1000;
    while (System.currentTimeMillis() < end) {
      System.out.println(client.page());
      Thread.sleep(200);
    }
    System.exit(0);
  }
}

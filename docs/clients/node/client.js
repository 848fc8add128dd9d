// A feed service in Node: deadline, repetition only where it is safe, lawful fallback.
// node client.js ADDRESS KEYS_FILE CANDIDATES SECONDS   (PROTO=folder of the .proto files,
// TOKEN=bearer token, under TLS alone)
const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, keysFile, candidatesFile, seconds] = process.argv.slice(2);
const files = ['ranker/v1/rerank.proto'];
const definition = loader.loadSync(files, {
  includeDirs: [process.env.PROTO || 'proto'],
  keepCase: true, longs: Number, enums: String, arrays: true,
});
const v1 = grpc.loadPackageDefinition(definition).ranker.v1;
// One channel a process; gRPC keeps it connected, and moves to another worker when asked to.
const client = new v1.RerankService(address, grpc.credentials.createInsecure());
const DEADLINE_MS = 500;
const PACE_MS = 200;
const FRESHEN_MS = 1000;
const BACKOFF_MS = 5; // before the first repetition; it doubles
const REPEATS_MAX = 5;
const REPEATED = [grpc.status.UNAVAILABLE, grpc.status.CANCELLED];
const metadata = new grpc.Metadata();
if (process.env.TOKEN) metadata.set('authorization', `Bearer ${process.env.TOKEN}`);
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const lines = fs.readFileSync(candidatesFile, 'utf8').trim().split('\n').map((l) => l.split(' '));
const request = {
  surface: 'home', terminal: 'phone', slot_count: 5,
  columns: { string_ids: lines.map((l) => l[0]), utilities: lines.map((l) => Number(l[1])) },
};

// Repeats what may be repeated while the deadline lasts.
async function call(method, message, deadlineMs) {
  const deadline = Date.now() + deadlineMs;
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await new Promise((resolve, reject) => {
        const done = (error, reply) => (error ? reject(error) : resolve(reply));
        client[method](message, metadata, { deadline }, done);
      });
    } catch (error) {
      const wait = pause(error, repeats);
      if (wait === null || Date.now() + wait >= deadline) throw error;
      await sleep(wait);
    }
  }
}

// Tells how long to wait before the next try, null where there must be none.
function pause(error, repeats) {
  // Rerank is safe to repeat: it only adds a record.
  if (REPEATED.includes(error.code) && repeats < REPEATS_MAX) return BACKOFF_MS * 2 ** repeats;
  if (error.code === grpc.status.RESOURCE_EXHAUSTED && repeats === 0) {
    const [told] = error.metadata.get('grpc-retry-pushback-ms'); // once, when the server says when
    return /^\d+$/.test(told) ? Number(told) : null;
  }
  return null;
}

// Public keys by name, a line each: each server process has its own.
const keys = new Map(fs.readFileSync(keysFile, 'utf8').trim().split('\n').map((line) => {
  const [name, , ...rest] = line.trim().split('+'); // base64 may hold a + too
  const raw = Buffer.from(rest.join('+'), 'base64').subarray(1); // its kind comes first
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  return [name, crypto.createPublicKey({ key: der, format: 'der', type: 'spki' })];
}));
// The newest fallback slate, and until when it may be shown by our steady clock: one that is set
// wrong may not lengthen that.
let held = null;

// Runs beside the pages: none of them waits for it.
async function keepFresh() {
  for (;;) {
    await refresh();
    await sleep(FRESHEN_MS);
  }
}

async function refresh() {
  const begun = performance.now();
  try {
    const reply = await call('FallbackSlate', { request }, 2000);
    const signed = Buffer.concat([Buffer.from('slotwarden-fallback/v1\n'), reply.slate]);
    const key = keys.get(reply.key.split('+', 1)[0]);
    if (!key || !crypto.verify(null, signed, key, reply.signature)) return;
    const slate = decode(reply.slate);
    const isOlder = held && slate.decided_us < held.slate.decided_us;
    const lasts = (slate.expires_us - slate.decided_us) / 1000;
    if (isFor(slate) && !isOlder) held = { slate, until: begun + lasts };
  } catch (error) { /* the last one serves until it expires */ }
}

// Tells whether a slate is one for our page: a signature does not say whose answer it is.
function isFor(slate) {
  return slate.surface === request.surface && slate.terminal === request.terminal
    && slate.viewer_class === 'VIEWER_CLASS_UNSPECIFIED' && slate.personalised
    && slate.slots.length === request.slot_count;
}

function decode(bytes) {
  const protobuf = require('protobufjs');
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) => `${process.env.PROTO || 'proto'}/${target}`;
  root.loadSync(files, { keepCase: true });
  return root.lookupType('ranker.v1.FallbackSlate').toObject(
    root.lookupType('ranker.v1.FallbackSlate').decode(bytes), { longs: Number, enums: String, defaults: true });
}

// A candidate is shown with its duties, marks and numbers, or not at all.
function shown(id, duties) {
  return [id || '-', ...duties.map((duty) => duty.replace('DUTY_', ''))].join('+');
}

async function page() {
  try {
    const reply = await call('Rerank', request, DEADLINE_MS);
    return ['decided', ...reply.decision.placements.map(
      (p) => shown(p.id, p.duties.map((owed) => owed.duty)))];
  } catch (error) {
    console.error(error.message);
    if (held && performance.now() < held.until && Date.now() * 1000 < held.slate.expires_us) {
      return ['fallback', ...held.slate.slots.map((slot) => shown(slot.id, slot.duties))];
    }
    return ['none']; // no governed slot: never the raw list
  }
}

(async () => {
  keepFresh();
  const end = Date.now() + Number(seconds) * 1000;
  for (let begun = Date.now(); begun < end; begun = Date.now()) {
    console.log((await page()).join(' '));
    await sleep(begun + PACE_MS - Date.now());
  }
  client.close();
  process.exit(0);
})();

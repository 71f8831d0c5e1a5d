/**
 * The store of many machines: Redis or Valkey; one server, Sentinel or Cluster.
 *
 * One value per session, written by one atomic script with its end (PX), so nothing is ever half there. A command that has
 * no answer in time fails; it may still happen, and compare-and-set makes that harmless: the next attempt reads first.
 * Nothing is queued for a server that is away. After five failures in a row the breaker refuses at once. Writes have a
 * breaker of their own: a server whose memory or disk is full refuses them and is read on, and a user may lack the right to either.
 *
 * Replication is asynchronous: a failover may lose the last moments (the client signs in again), and never mixes sessions,
 * since an update only goes onto the very version that it was made from.
 */
import { type ClientContext, Cluster, type Redis, ReplyError, type Result } from 'ioredis';
import { ProxyError } from '../errors.ts';
import { Breaker } from './breaker.ts';
import {
  connect,
  isReady,
  isRefusal,
  NO_ANSWER,
  PROBE_EVERY_MS,
  READY_TIMEOUT_MS,
  RECONNECT_DELAY_MS,
  type RedisClient,
  type RedisStoreOptions,
  spell,
} from './redis-client.ts';
import type { SessionStore, StoredRecord, StoreListener } from './store.ts';
import { within } from './within.ts';

declare module 'ioredis' {
  interface RedisCommander<Context extends ClientContext> {
    transidCompareAndSet(key: string, expectedHead: Buffer, value: Buffer, ttlMs: number): Result<number, Context>;
    transidTouch(key: string, ttlMs: number): Result<number, Context>;
  }
}

/** A value is a kind, the version as 32 bits, and the sealed bytes. A tombstone is a head of its own kind alone. */
const RECORD = 0x52;
const TOMBSTONE = Buffer.from('T\0\0\0\0', 'latin1');
const HEAD_BYTES = TOMBSTONE.length;
/** What GETRANGE gives for a key that is not there. */
const NOTHING = Buffer.alloc(0);

/** The head is compared as bytes, so no number is counted in Lua, and the rest of the value is not read. */
const COMPARE_AND_SET = `
if redis.call('GETRANGE', KEYS[1], 0, ${HEAD_BYTES - 1}) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

const TOUCH = `
if redis.call('GETRANGE', KEYS[1], 0, 0) ~= 'R' then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

const MAX_FAILURES = 5;
/**
 * The store, connected if the server answers within a second. It does not reject because the server is away: `isAvailable`
 * says so, and it connects as soon as it can.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<SessionStore> {
  const client = connect(options);
  const store = new RedisStore(client, options);
  await isReady(client);
  return store;
}

class RedisStore implements SessionStore {
  readonly kind = 'redis';
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  /** Of reading, and of everything when the server says nothing. */
  readonly #breaker: Breaker;
  readonly #writeBreaker: Breaker;
  /** The last read was refused by the server. */
  #isReadRefused = false;
  /** As told last. */
  #isAway = false;
  readonly #onChange: StoreListener | undefined;
  /** Why there is no connection: more than the commands can say that find none. */
  #connectionFault: unknown = null;
  /** Runs from the beginning or the loss of a connection until it is ready; null while one is. */
  #unreadyTimer: NodeJS.Timeout | null = null;
  #slotsTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(client: RedisClient, { keyPrefix, commandTimeoutMs, onChange }: RedisStoreOptions) {
    this.#client = client;
    this.#prefix = keyPrefix;
    this.#timeoutMs = commandTimeoutMs;
    client.defineCommand('transidCompareAndSet', { numberOfKeys: 1, lua: COMPARE_AND_SET });
    client.defineCommand('transidTouch', { numberOfKeys: 1, lua: TOUCH });
    this.#onChange = onChange;
    const breaking = {
      maxFailures: MAX_FAILURES,
      probeEveryMs: PROBE_EVERY_MS,
      onOpen: (failure: unknown) => this.#tellAway(failure),
      onClose: () => this.#tellBack(),
    };
    const refute = client instanceof Cluster ? (failure: unknown) => this.#findServing(client, failure) : undefined;
    // Without `refute` this `catch` lets a failure through.
    const breaker = (probe: () => Promise<void>) =>
      new Breaker({ ...breaking, refute, probe: () => within(this.#timeoutMs, probe()).catch(refute) });
    this.#breaker = breaker(() => this.#probe());
    this.#writeBreaker = breaker(() => this.#probeWrites());
    // Of each attempt to connect: so a server that is away is known as such before anybody needs it.
    client.on('error', (error: unknown) => {
      this.#connectionFault = error;
      this.#breaker.failed(error);
    });
    client.on('connect', () => {
      this.#connectionFault = null;
    });
    client.on('ready', () => {
      this.#connectionFault = null;
      this.#stopWaiting();
      if (this.isAvailable) this.#verify();
      this.#breaker.probeNow();
      this.#writeBreaker.probeNow();
    });
    client.on('close', () => this.#awaitReady());
    client.on('end', () => this.#connectAgain());
    this.#awaitReady();
    if (client instanceof Cluster) this.#watchSlots(client);
  }

  /** Asks who serves what. The package can do so, but goes on for ever, and keeps the process, when it is closed while it asks. */
  #watchSlots(cluster: Cluster): void {
    const ask = () => {
      if (cluster.status === 'ready') cluster.refreshSlotsCache();
    };
    this.#slotsTimer = setInterval(ask, PROBE_EVERY_MS).unref();
  }

  #awaitReady(): void {
    if (this.#isClosed) return;
    this.#unreadyTimer ??= setTimeout(() => this.#breaker.open(new Error(NO_ANSWER)), READY_TIMEOUT_MS).unref();
  }

  /** The package is done for good when a sentinel tells of a failover while it is asked for the master. */
  #connectAgain(): void {
    setTimeout(() => {
      // What fails is an end again.
      if (!this.#isClosed) this.#client.connect().catch(() => {});
    }, RECONNECT_DELAY_MS).unref();
  }

  #stopWaiting(): void {
    if (this.#unreadyTimer !== null) clearTimeout(this.#unreadyTimer);
    this.#unreadyTimer = null;
  }

  /** A server that is there may refuse all the same, or be a replica: that is told before anybody needs it. */
  #verify(): void {
    within(this.#timeoutMs, this.#probe()).then(
      () => this.#breaker.succeeded(),
      (error: unknown) => {
        if (error instanceof ReplyError) this.#breaker.open(error);
      },
    );
  }

  /** A server that only reads (a replica after a failover) is no store yet; one that refuses writes for now is read. */
  async #probe(): Promise<void> {
    const writing = this.#probeWrites().then(
      () => this.#writeBreaker.close(),
      (error: unknown) => {
        if (!isRefusal(error)) throw error;
        this.#writeBreaker.open(error);
      },
    );
    await Promise.all([this.#client.getBuffer(this.#probeKey), writing]);
  }

  /** With the scripts and the count, each of which a user may lack. In a Cluster one node may not answer while the others serve. */
  async #probeWrites(): Promise<void> {
    await Promise.all([
      this.#client.set(this.#probeKey, String.fromCharCode(RECORD), 'PX', PROBE_EVERY_MS),
      // Which leaves nothing behind.
      this.#client.transidTouch(this.#probeKey, 1),
      this.#client instanceof Cluster ? null : this.#client.dbsize(),
    ]);
  }

  /** Rejects with `failure` unless a node of the Cluster serves: then the sessions of one that is lost cost nobody else theirs. */
  async #findServing(cluster: Cluster, failure: unknown): Promise<void> {
    if (isRefusal(failure)) throw failure;
    const serves = (node: Redis) =>
      node.getBuffer(this.#probeKey).catch((error: unknown) => {
        // Whose key it is: a node says so only while it takes the Cluster for whole enough.
        if (!(error instanceof ReplyError && (error as Error).message.startsWith('MOVED'))) throw error;
      });
    const serving = Promise.any(cluster.nodes('master').map(serves));
    await within(this.#timeoutMs, serving).catch(() => {
      if (!this.#isClosed) throw failure;
    });
  }

  get #probeKey(): string {
    return `${this.#prefix}probe`;
  }

  #tellAway(failure: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#onChange?.(spell(this.#connectionFault ?? failure));
  }

  #tellBack(): void {
    if (!this.isAvailable) return;
    this.#isAway = false;
    this.#onChange?.(null);
  }

  /** False also where only writes are refused. */
  get isAvailable(): boolean {
    return !this.#breaker.isOpen && !this.#writeBreaker.isOpen;
  }

  async read(key: string): Promise<StoredRecord | null> {
    const value = await this.#run(() => this.#client.getBuffer(this.#prefix + key), true);
    if (value === null || value.length < HEAD_BYTES || value[0] !== RECORD) return null;
    return { version: value.readUInt32BE(1), sealed: value.subarray(HEAD_BYTES) };
  }

  async compareAndSet(key: string, expectedVersion: number, sealed: Buffer, ttlMs: number): Promise<boolean> {
    const expected = expectedVersion === 0 ? NOTHING : head(expectedVersion);
    const value = Buffer.concat([head(expectedVersion + 1), sealed]);
    const written = await this.#write(() =>
      this.#client.transidCompareAndSet(this.#prefix + key, expected, value, wholeMs(ttlMs)),
    );
    return written === 1;
  }

  async touch(key: string, ttlMs: number): Promise<void> {
    // Tried where no value is taken, too: a full server moves the end of one.
    await this.#run(() => this.#client.transidTouch(this.#prefix + key, wholeMs(ttlMs)));
  }

  async remove(key: string, tombstoneMs: number): Promise<void> {
    await this.#write(() => this.#client.set(this.#prefix + key, TOMBSTONE, 'PX', wholeMs(tombstoneMs)));
  }

  /** Keys of the database, or of all masters that answer: exact when nothing else lives there, apart from tombstones. */
  async count(): Promise<number> {
    const client = this.#client;
    return this.#run(() => (client instanceof Cluster ? this.#countMasters(client) : client.dbsize()));
  }

  /** Without those that are lost: what they hold is out of reach, and no session begins without a count. */
  async #countMasters(cluster: Cluster): Promise<number> {
    // Each has its own time, which ends before that of the whole.
    const asked = cluster.nodes('master').map((node) => within(this.#timeoutMs, node.dbsize()));
    const answers = await Promise.allSettled(asked);
    const sizes = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (sizes.length === 0) await Promise.all(asked);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopWaiting();
    clearInterval(this.#slotsTimer);
    this.#breaker.stop();
    this.#writeBreaker.stop();
    this.#client.disconnect();
  }

  async #write<T>(command: () => Promise<T>): Promise<T> {
    if (this.#writeBreaker.isOpen) throw new ProxyError('STORE_UNAVAILABLE', { detail: 'redis takes no writes' });
    try {
      const reply = await this.#run(command);
      this.#writeBreaker.succeeded();
      return reply;
    } catch (error) {
      const cause = error instanceof ProxyError ? error.cause : error;
      // What was refused is counted already.
      if (cause !== undefined && !isRefusal(cause)) this.#writeBreaker.failed(cause);
      throw error;
    }
  }

  /** What the server does or refuses of one kind of commands says nothing of refusals of the other; its silence speaks of all. */
  async #run<T>(command: () => Promise<T>, isRead = false): Promise<T> {
    if (this.#breaker.isOpen) throw new ProxyError('STORE_UNAVAILABLE', { detail: 'redis is away' });
    // Nobody waits for a connection, and nothing is held against it yet: it may be back at once, or else it fails and tells why.
    if (this.#client.status !== 'ready') {
      throw new ProxyError('STORE_UNAVAILABLE', { detail: spell(this.#connectionFault ?? new Error(NO_ANSWER)) });
    }
    try {
      // The package's own timeout holds for one attempt on one node; this one for the command with all redirections.
      const reply = await within(this.#timeoutMs, command());
      if (isRead) this.#isReadRefused = false;
      if (!this.#isReadRefused) this.#breaker.succeeded();
      return reply;
    } catch (cause) {
      const isRefused = isRefusal(cause);
      if (isRead) this.#isReadRefused = isRefused;
      (isRefused && !isRead ? this.#writeBreaker : this.#breaker).failed(cause);
      throw new ProxyError('STORE_UNAVAILABLE', { detail: spell(cause), cause });
    }
  }
}

function head(version: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  bytes.writeUInt8(RECORD, 0);
  bytes.writeUInt32BE(version, 1);
  return bytes;
}

/** PX takes whole milliseconds from 1 on. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}

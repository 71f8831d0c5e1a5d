/**
 * Is a file of LMDB whole enough to be opened? LMDB trusts its file: a page that is not there, or not what the tree says, ends the
 * process without a word. Looked at are the meta pages and the upper pages of both trees, and that no page lies beyond
 * the end; what sessions hold is sealed and judged when it is read. Layout: mdb.c of lmdb 3.5, data version 2.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Numbers stand in the file as in the machine's memory; this is the layout of 64 bits, little end first. */
const HAS_KNOWN_LAYOUT = process.arch === 'x64' || process.arch === 'arm64';

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const HEADER_BYTES = 24;
const META_BYTES = 160;
const AT = { flags: 18, lower: 20, magic: 24, version: 28, pageBytes: 48, lastTransaction: 152 } as const;
/** The trees of free pages and of sessions: where the meta page has their depth and their root. */
const TREES = [
  { depth: 54, root: 88 },
  { depth: 102, root: 136 },
] as const;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const BRANCH = 1;
const LEAF = 2;

/** Another process may be writing: what it left between two looks is not damage. */
const MAX_LOOKS = 10;
const LOOK_AGAIN_MS = 20;

/** Null when the file may be opened, or is not there; else what is wrong with it. */
export function findDamage(file: string): string | null {
  if (!HAS_KNOWN_LAYOUT) return null;
  const fd = openIfThere(file);
  if (fd === null) return null;
  try {
    let lastSeen = '';
    for (let n = 0; n < MAX_LOOKS; n++) {
      const { state, damage } = look(fd);
      if (damage === null || state === lastSeen) return damage;
      lastSeen = state;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
    }
    return null; // Somebody works with it.
  } finally {
    closeSync(fd);
  }
}

function openIfThere(file: string): number | null {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

interface Look {
  /** Changes with every commit: pages of a snapshot stay as they are while it is the newest. */
  readonly state: string;
  readonly damage: string | null;
}

function look(fd: number): Look {
  const fileBytes = fstatSync(fd).size;
  const state = String(fileBytes);
  if (fileBytes === 0) return { state, damage: null };
  const first = read(fd, 0, META_BYTES);
  if (first.length < META_BYTES || first.readUInt32LE(AT.magic) !== MAGIC)
    return { state, damage: 'it does not begin as a file of LMDB' };
  // Of another version only LMDB knows what to make.
  if ((first.readUInt32LE(AT.version) & 0xffff) !== DATA_VERSION) return { state, damage: null };
  const pageBytes = first.readUInt32LE(AT.pageBytes);
  if (pageBytes < 512 || pageBytes > 65_536) return { state, damage: 'its page size is none' };
  const second = read(fd, pageBytes, META_BYTES);
  if (second.length < META_BYTES) return { state, damage: 'its second page is missing' };
  const transactions = [first, second].map((meta) => meta.readBigUInt64LE(AT.lastTransaction)) as [bigint, bigint];
  // As LMDB does, which does not look at anything else of the second one.
  const meta = transactions[0] >= transactions[1] ? first : second;
  const pages = Math.floor(fileBytes / pageBytes);
  return { state: `${fileBytes} ${transactions}`, damage: walk(fd, meta, pageBytes, pages) };
}

/** Both trees from the root down; leaves are not read, but for a root. */
function walk(fd: number, meta: Buffer, pageBytes: number, pages: number): string | null {
  for (const { depth: depthAt, root: rootAt } of TREES) {
    const root = meta.readBigUInt64LE(rootAt);
    if (root === NO_PAGE) continue;
    const depth = meta.readUInt16LE(depthAt);
    let level = [Number(root)];
    for (let n = 1; n <= depth; n++) {
      const below: number[] = [];
      for (const number of level) {
        if (number < 2 || number >= pages) return `page ${number} of ${pages} is missing`;
        if (n === depth && n > 1) continue;
        const page = read(fd, number * pageBytes, pageBytes);
        const kind = n === depth ? LEAF : BRANCH;
        if (Number(page.readBigUInt64LE(0)) !== number || (page.readUInt16LE(AT.flags) & (BRANCH | LEAF)) !== kind)
          return `page ${number} is not what it should be`;
        if (kind === BRANCH) for (const child of childrenOf(page)) below.push(child);
      }
      level = below;
    }
  }
  return null;
}

/** The page numbers in the nodes of a branch page; one that cannot be there is told as -1. */
function* childrenOf(page: Buffer): Generator<number> {
  const count = page.readUInt16LE(AT.lower) >> 1;
  for (let n = 0; n < count; n++) {
    const at = HEADER_BYTES + 2 * n;
    const node = at + 2 > page.length ? page.length : HEADER_BYTES + page.readUInt16LE(at);
    yield node + 6 > page.length ? -1 : page.readUIntLE(node, 6);
  }
}

/** Shorter than asked for at the end of the file. */
function read(fd: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, at));
}

/**
 * Content codings (RFC 9110 §8.4.1) of pages that are rewritten: decoded, and the same coding applied again.
 *
 * Both are streams on node:zlib. The encoder is flushed when the upstream pauses, so that a page which the application
 * sends in pieces arrives in pieces. A page that grows beyond reason while it is decoded is a bomb and is cut.
 */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ProxyError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { DeflateDecoder, GzipDecoder, type Inflater } from './inflate.ts';
import { ZstdDecoder } from './zstd.ts';

export type ContentCoding = 'identity' | 'gzip' | 'deflate' | 'br' | 'zstd';

/** zstd came to node:zlib with 22.15; the types of Node 20 do not know it. */
interface ZstdZlib {
  createZstdCompress?: () => Flushable;
  createZstdDecompress?: () => Inflater;
}
const zstd: ZstdZlib = zlib as unknown as ZstdZlib;
const hasZstd = typeof zstd.createZstdDecompress === 'function' && typeof zstd.createZstdCompress === 'function';

/** The codings that this runtime can undo and apply, as Accept-Encoding may name them. */
export const KNOWN_CODINGS: readonly string[] = hasZstd
  ? ['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'identity']
  : ['gzip', 'x-gzip', 'deflate', 'br', 'identity'];

type Flushable = Transform & { flush(kind?: number, done?: () => void): void };

/** The coding that a Content-Encoding field names; null for one that we do not know, or for several. */
export function parseCoding(field: string | null): ContentCoding | null {
  if (field === null) return 'identity';
  switch (field.trim().toLowerCase()) {
    case '':
    case 'identity':
    // Neither names a coding. Applications say them to keep a server from coding what they flush, and browsers take no notice.
    case 'none':
    case 'utf-8':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    case 'br':
      return 'br';
    case 'zstd':
      return hasZstd ? 'zstd' : null;
    default:
      return null;
  }
}

export function createDecoder(coding: Exclude<ContentCoding, 'identity'>): Transform {
  switch (coding) {
    case 'gzip':
      return new GzipDecoder();
    case 'deflate':
      return new DeflateDecoder();
    case 'br':
      return zlib.createBrotliDecompress();
    case 'zstd':
      return new ZstdDecoder((zstd.createZstdDecompress as () => Inflater)());
  }
}

/** Fast settings: what is compressed here is compressed once for one client. */
export function createEncoder(coding: Exclude<ContentCoding, 'identity'>): Flushable {
  switch (coding) {
    case 'gzip':
      return zlib.createGzip({ level: 5 });
    case 'deflate':
      return zlib.createDeflate({ level: 5 });
    case 'br':
      return zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } });
    case 'zstd':
      return (zstd.createZstdCompress as () => Flushable)();
  }
}

const FLUSH_KIND: Record<Exclude<ContentCoding, 'identity'>, number> = {
  gzip: zlib.constants.Z_SYNC_FLUSH,
  deflate: zlib.constants.Z_SYNC_FLUSH,
  br: zlib.constants.BROTLI_OPERATION_FLUSH,
  zstd: 1, // ZSTD_e_flush
};

export function flushEncoder(encoder: Flushable, coding: Exclude<ContentCoding, 'identity'>): void {
  encoder.flush(FLUSH_KIND[coding]);
}

/** Counts what a decoder gives for what it takes, and throws DECOMPRESSION_BOMB when the page grows beyond reason. */
export class BombGuard {
  #taken = 0;
  #given = 0;

  took(bytes: number): void {
    this.#taken += bytes;
  }

  gave(bytes: number): void {
    this.#given += bytes;
    if (this.#given > LIMITS.decompressionRatioFromBytes && this.#given > this.#taken * LIMITS.maxDecompressionRatio) {
      throw new ProxyError('DECOMPRESSION_BOMB');
    }
  }
}

/** Bodies: codings undone and redone, charset gate, and that nothing broken ever ends well. */

import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { expect } from 'chai';
import { ProxyError } from '../../../src/errors.ts';
import { CharsetGate, openPageBody, type PageStage } from '../../../src/response/body.ts';
import type { ContentCoding } from '../../../src/response/coding.ts';
import type { PageKind } from '../../../src/response/plan.ts';

/** A stage that can be seen at work: upper case, and a mark at the end. Its first edit is the first letter. */
function upperCase(): PageStage {
  let edits = 0;
  return {
    write: (chunk) => {
      const text = chunk.toString('latin1');
      if (/[a-z]/.test(text)) edits += 1;
      return Buffer.from(text.toUpperCase(), 'latin1');
    },
    end: () => Buffer.from('[END]'),
    get editCount() {
      return edits;
    },
  };
}
const page = (coding: ContentCoding): PageKind => ({ language: 'html', coding, charset: null });
const text = 'hello <a href="x">world</a> '.repeat(5000);

/** As far as the runtime has it; the types are those of Node 20, which has not. */
type ZstdZlib = Record<'zstdCompressSync' | 'zstdDecompressSync', (bytes: Buffer) => Buffer> & {
  createZstdCompress(): zlib.Gzip;
  createZstdDecompress(): zlib.Gunzip;
};
const zstd = 'createZstdCompress' in zlib ? (zlib as unknown as ZstdZlib) : null;

/** ZSTD_c_checksumFlag and ZSTD_e_flush. */
const ZSTD_CHECKSUM = 201;
const ZSTD_FLUSH = 1;

const codings = {
  gzip: [zlib.gzipSync, zlib.gunzipSync],
  deflate: [zlib.deflateSync, zlib.inflateSync],
  br: [zlib.brotliCompressSync, zlib.brotliDecompressSync],
  ...(zstd && { zstd: [zstd.zstdCompressSync, zstd.zstdDecompressSync] as const }),
} as const;

/** Text that does not compress to nothing. */
function irregular(length: number): string {
  let text = '';
  for (let i = length; text.length < length; i++) text += Math.imul(i, 0x9e3779b1).toString(36);
  return text.slice(0, length);
}

function cutInto(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.subarray(i, i + size));
  return pieces;
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const streams = {
  gzip: [zlib.createGzip, zlib.createGunzip],
  deflate: [zlib.createDeflate, zlib.createInflate],
  br: [zlib.createBrotliCompress, zlib.createBrotliDecompress],
  ...(zstd && { zstd: [zstd.createZstdCompress, zstd.createZstdDecompress] as const }),
} as const;

/** A coded page on its way: what goes into `encoder` is said by the upstream, and `decoder` reads the body that leaves. */
function openCoded(coding: keyof typeof streams) {
  const [createEncoder, createDecoder] = streams[coding] as NonNullable<(typeof streams)[typeof coding]>;
  const encoder = createEncoder();
  const upstream = new PassThrough();
  encoder.pipe(upstream);
  const { body } = openPageBody(upstream, page(coding), upperCase());
  return { encoder, upstream, body, decoder: createDecoder() };
}

describe('openPageBody', () => {
  for (const [coding, [encode, decode]] of Object.entries(codings)) {
    for (const size of [1, 100, 1_000_000]) {
      it(`${coding}, cut into pieces of ${size}`, async () => {
        const encoded = encode(Buffer.from(text));
        const pieces: Buffer[] = [];
        for (let i = 0; i < encoded.length; i += size) pieces.push(encoded.subarray(i, i + size));
        const { body, stage } = openPageBody(Readable.from(pieces), page(coding as ContentCoding), upperCase());
        expect(stage).to.equal(null);
        expect(decode(await collect(body)).toString()).to.equal(`${text.toUpperCase()}[END]`);
      });
    }
    it(`${coding}, an empty body: no fault`, async () => {
      const { body } = openPageBody(Readable.from([]), page(coding as ContentCoding), upperCase());
      expect(decode(await collect(body)).toString()).to.equal('[END]');
    });
    it(`${coding}, a stage that fails at the end fails the body`, async () => {
      const failing: PageStage = {
        ...upperCase(),
        end: () => {
          throw new Error('at the end');
        },
      };
      for (const pieces of [[encode(Buffer.from(text))], []]) {
        const { body } = openPageBody(Readable.from(pieces), page(coding as ContentCoding), failing);
        const failure = await collect(body).catch((error: unknown) => error);
        expect(failure).to.be.an('error').with.property('code', 'INTERNAL');
        expect((failure as Error).cause)
          .to.be.an('error')
          .with.property('message', 'at the end');
      }
    });
    it(`${coding}, truncated: fails with CODING_BROKEN`, async () => {
      const encoded = encode(Buffer.from(text));
      const { body } = openPageBody(
        Readable.from([encoded.subarray(0, encoded.length - 6)]),
        page(coding as ContentCoding),
        upperCase(),
      );
      const error = await collect(body).then(
        () => null,
        (e: unknown) => e,
      );
      expect(error).to.be.instanceOf(ProxyError).with.property('code', 'CODING_BROKEN');
    });
    for (const rest of ['\n', '\0\0\0', 'garbage', '\x1f', `\x1fx${'x'.repeat(200_000)}`]) {
      it(`${coding}, ${JSON.stringify(rest.slice(0, 8))} (${rest.length}) behind its end is ignored`, async () => {
        const encoded = encode(Buffer.from(text));
        const trailing = Buffer.from(rest, 'latin1');
        const size = 50_000;
        const pieces: Buffer[] = [];
        for (let i = 0; i < trailing.length; i += size) pieces.push(trailing.subarray(i, i + size));
        for (const cut of [[Buffer.concat([encoded, trailing])], [encoded, ...pieces]]) {
          const upstream = Readable.from(cut);
          const { body } = openPageBody(upstream, page(coding as ContentCoding), upperCase());
          expect(decode(await collect(body)).toString()).to.equal(`${text.toUpperCase()}[END]`);
          if (!upstream.readableEnded) await once(upstream, 'end');
        }
      });
    }
    it(`${coding}: what the upstream says arrives before it goes on`, async () => {
      const { encoder, body, decoder } = openCoded(coding as keyof typeof streams);
      body.pipe(decoder);
      encoder.write('first');
      encoder.flush();
      const [chunk] = (await once(decoder, 'data')) as [Buffer];
      expect(chunk.toString()).to.equal('FIRST');
      encoder.end('second');
      expect((await collect(decoder)).toString()).to.equal('SECOND[END]');
    });
    it(`${coding}: pieces that fill the stages arrive whole before the upstream goes on`, async () => {
      const { encoder, upstream, body, decoder } = openCoded(coding as keyof typeof streams);
      let given = 0;
      body.pipe(decoder).on('data', (chunk: Buffer) => {
        given += chunk.length;
      });
      let taken = 0;
      for (let length = 9000; length < 130_000; length += 4999) {
        taken += length;
        encoder.write(irregular(length));
        encoder.flush();
        while (given < taken) await once(decoder, 'data');
      }
      upstream.destroy();
    });
  }

  it('raw deflate, as some servers send it', async () => {
    const { body } = openPageBody(
      Readable.from([zlib.deflateRawSync(Buffer.from(text))]),
      page('deflate'),
      upperCase(),
    );
    expect(zlib.inflateSync(await collect(body)).toString()).to.equal(`${text.toUpperCase()}[END]`);
  });

  describe('gzip members', () => {
    const member = zlib.gzipSync(Buffer.from(text));
    /** FEXTRA, FNAME, FCOMMENT and FHCRC before the same data. */
    const flagged = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9]),
      Buffer.from('name\0comment\0HC'),
      member.subarray(10),
    ]);
    const damaged = Buffer.from(member);
    damaged[damaged.length - 6] = (damaged[damaged.length - 6] as number) ^ 1;
    const decoded = async (bytes: Buffer, size: number): Promise<string> => {
      const { body } = openPageBody(Readable.from(cutInto(bytes, size)), page('gzip'), upperCase());
      return zlib.gunzipSync(await collect(body)).toString();
    };
    for (const size of [1, 100, 1_000_000]) {
      it(`several, and one with every header field, cut into pieces of ${size}`, async () => {
        const all = Buffer.concat([member, flagged, member, Buffer.from('\n')]);
        expect(await decoded(all, size)).to.equal(`${text.toUpperCase().repeat(3)}[END]`);
      });
      for (const [what, bytes] of [
        ['no gzip at all', Buffer.from(text)],
        ['a wrong checksum', damaged],
        ['no trailer', member.subarray(0, -8)],
        ['half a trailer', member.subarray(0, -1)],
        ['half a header', flagged.subarray(0, 17)],
        ['a second member that breaks off', Buffer.concat([member, member.subarray(0, 40)])],
        ['a second member that is damaged', Buffer.concat([member, damaged])],
        ['half a second header', Buffer.concat([member, member.subarray(0, 2)])],
      ] as const) {
        it(`${what}, cut into pieces of ${size}: fails with CODING_BROKEN`, async () => {
          const failure = await decoded(bytes, size).catch((error: unknown) => error);
          expect(failure).to.be.instanceOf(ProxyError).with.property('code', 'CODING_BROKEN');
        });
      }
    }
  });

  if (zstd !== null) {
    const { zstdCompressSync, zstdDecompressSync } = zstd;
    describe('zstd frames', () => {
      const frame = zstdCompressSync(Buffer.from(text));
      const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, ...frame.subarray(0, 4)]);
      /** A checksum (bit 2 of the descriptor), no size, and blocks of all kinds: raw, repeated and compressed. */
      const mixed = async (): Promise<Buffer> => {
        const params = { [ZSTD_CHECKSUM]: 1 };
        const encoder = (zstd.createZstdCompress as (options: object) => zlib.Gzip)({ params });
        for (const part of ['short', 'x'.repeat(300_000), irregular(5000)]) {
          encoder.write(part);
          encoder.flush(ZSTD_FLUSH);
        }
        return collect(encoder.end());
      };
      const decoded = async (bytes: Buffer, size: number): Promise<string> => {
        const { body } = openPageBody(Readable.from(cutInto(bytes, size)), page('zstd'), upperCase());
        return zstdDecompressSync(await collect(body)).toString();
      };
      for (const size of [1, 7, 100, 1_000_000]) {
        it(`several, and skippable ones, cut into pieces of ${size}`, async () => {
          const all = Buffer.concat([
            skippable,
            frame,
            zstdCompressSync(Buffer.from('')),
            skippable,
            await mixed(),
            frame,
          ]);
          const inner = `short${'x'.repeat(300_000)}${irregular(5000)}`;
          for (const rest of ['', '\n', frame.toString('latin1', 0, 3), 'garbage']) {
            const bytes = Buffer.concat([all, Buffer.from(rest, 'latin1')]);
            expect(await decoded(bytes, size)).to.equal(`${`${text}${inner}${text}`.toUpperCase()}[END]`);
          }
          expect(await decoded(Buffer.concat([frame, skippable]), size)).to.equal(`${text.toUpperCase()}[END]`);
        });
        for (const [what, bytes] of [
          ['no zstd at all', Buffer.from(text)],
          ['less than the beginning of a frame', frame.subarray(0, 3)],
          ['half a header', frame.subarray(0, 5)],
          ['a second frame that breaks off', Buffer.concat([frame, frame.subarray(0, 40)])],
          ['a second frame without its last byte', Buffer.concat([frame, frame.subarray(0, -1)])],
          ['a skippable frame that breaks off', Buffer.concat([frame, skippable.subarray(0, -1)])],
        ] as const) {
          it(`${what}, cut into pieces of ${size}: fails with CODING_BROKEN`, async () => {
            const failure = await decoded(bytes, size).catch((error: unknown) => error);
            expect(failure).to.be.instanceOf(ProxyError).with.property('code', 'CODING_BROKEN');
          });
        }
      }

      it('more than a page can have are refused, before they cost', async () => {
        const frames = Buffer.concat(Array(5000).fill(zstdCompressSync(Buffer.from(''))));
        const failure = await decoded(frames, frames.length).catch((error: unknown) => error);
        expect(failure).to.be.instanceOf(ProxyError).with.property('code', 'CODING_BROKEN');
      });
    });
  }

  it('more members than a page can have are refused, before they cost', async () => {
    const { body } = openPageBody(
      Readable.from([Buffer.concat(Array(5000).fill(zlib.gzipSync('')))]),
      page('gzip'),
      upperCase(),
    );
    const error = await collect(body).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(ProxyError).with.property('code', 'CODING_BROKEN');
  });

  it('a bomb of several members is cut', async () => {
    const member = zlib.gzipSync(Buffer.alloc(4 * 1024 * 1024));
    const { body } = openPageBody(Readable.from(Array(8).fill(member)), page('gzip'), upperCase());
    const error = await collect(body).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(ProxyError).with.property('code', 'DECOMPRESSION_BOMB');
  });

  it('a bomb is cut', async () => {
    const bomb = zlib.gzipSync(
      zlib.gzipSync(Buffer.alloc(1)).length > 0 ? Buffer.alloc(64 * 1024 * 1024) : Buffer.alloc(0),
    );
    const { body } = openPageBody(Readable.from([bomb]), page('gzip'), upperCase());
    const error = await collect(body).then(
      () => null,
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(ProxyError).with.property('code', 'DECOMPRESSION_BOMB');
  });

  it('an upstream that breaks off breaks the page off', async () => {
    const upstream = new PassThrough();
    const { body } = openPageBody(upstream, page('gzip'), upperCase());
    upstream.write(zlib.gzipSync('x').subarray(0, 5));
    upstream.destroy(new ProxyError('UPSTREAM_TRUNCATED'));
    const error = await collect(body).then(
      () => null,
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(ProxyError).with.property('code', 'UPSTREAM_TRUNCATED');
  });

  it('without a coding the stage is left to the sender', () => {
    const body = Readable.from([]);
    const stage = upperCase();
    expect(openPageBody(body, page('identity'), stage)).to.deep.equal({ body, stage });
  });
});

describe('CharsetGate', () => {
  const through = (declared: string | null, pieces: string[]) => {
    const gate = new CharsetGate(declared, upperCase);
    const out = pieces.map((piece) => gate.write(Buffer.from(piece)).toString());
    return [...out, gate.end().toString()];
  };
  it('decides at once with a declared charset', () => {
    expect(through('utf-8', ['abc', 'd'])).to.deep.equal(['ABC', 'D', '[END]']);
  });
  it('holds from the first edit on until a meta is found', () => {
    expect(through(null, ['<A>', '<B>', 'c<D>', '<META CHARSET=UTF-8>', 'x'])).to.deep.equal([
      '<A>',
      '<B>',
      '',
      'C<D><META CHARSET=UTF-8>',
      'X',
      '[END]',
    ]);
  });
  it('holds no more than the prescan reads', () => {
    expect(through(null, ['a'.repeat(1024), 'x'])).to.deep.equal(['A'.repeat(1024), 'X', '[END]']);
  });
  it('lets an ISO-2022-JP page pass, however it is cut', () => {
    const text = '<A>b<meta charset=iso-2022-jp>c';
    expect(through(null, ['<A>', 'b', '<meta charset=iso-2022-jp>', 'c']).join('')).to.equal(text);
    expect(through(null, [...text]).join('')).to.equal(text);
    expect(through(null, [text]).join('')).to.equal(text);
    expect(through('iso-2022-jp', ['ab', 'c'])).to.deep.equal(['', 'abc', '']);
  });
  it('tells the charset of a byte order mark, else the declared one, however the page is cut', () => {
    const told = (declared: string | null, text: string, size: number) => {
      const charsets: (string | null)[] = [];
      const gate = new CharsetGate(declared, (charset) => {
        charsets.push(charset);
        return upperCase();
      });
      const bytes = Buffer.from(text);
      const out: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) out.push(gate.write(bytes.subarray(at, at + size)));
      out.push(gate.end());
      return [charsets, Buffer.concat(out).toString('latin1')];
    };
    for (const size of [1, 2, 3, 9]) {
      expect(told(null, '\ufeff<A>b', size)).to.deep.equal([['utf-8'], '\xef\xbb\xbf<A>B[END]'.toUpperCase()]);
      expect(told('shift_jis', '\ufeff<A>b', size)[0]).to.deep.equal(['utf-8']);
      expect(told('shift_jis', '<A>b', size)).to.deep.equal([['shift_jis'], '<A>B[END]']);
      expect(told(null, 'b', size)).to.deep.equal([[null], 'B[END]']);
    }
  });
  it('gives a short page at its end', () => {
    expect(through(null, ['abc'])).to.deep.equal(['', 'ABC[END]']);
    expect(through(null, [])).to.deep.equal(['[END]']);
  });
});

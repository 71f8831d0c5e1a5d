/** The pace of a request body: what counts is the time in which the client was let send. */
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type ClientBody, openBody, setBodyPace } from '../../../src/proxy/client-body.ts';
import type { ClientRequest, ClientResponse } from '../../../src/proxy/client-response.ts';
import type { RequestFacts } from '../../../src/proxy/framing.ts';

const IDLE_MS = 200;
const MANY = Buffer.alloc(256 * 1024);

describe('the pace of a request body', () => {
  function open(bytesPerSecond: number): { client: PassThrough; body: ClientBody } {
    const client = new PassThrough();
    const req = Object.assign(client, { rawTrailers: [], complete: true }) as unknown as ClientRequest;
    setBodyPace(req, { idleMs: IDLE_MS, bytesPerSecond });
    // Of the facts no more is asked.
    const facts = { body: 'chunked', expectsContinue: false } as RequestFacts;
    return { client, body: openBody(req, null as unknown as ClientResponse, facts, 1e9)! };
  }
  const codeOf = (body: ClientBody) => (body.errored as (Error & { code?: string }) | null)?.code ?? null;

  it('is too slow without a byte', async () => {
    const { body } = open(1);
    body.resume();
    await sleep(1.5 * IDLE_MS);
    expect(codeOf(body)).to.equal('REQUEST_TIMEOUT');
  });

  it('is too slow with too few', async () => {
    const { client, body } = open(10_000);
    body.resume();
    client.write('a few');
    await sleep(1.5 * IDLE_MS);
    expect(codeOf(body)).to.equal('REQUEST_TIMEOUT');
  });

  it('is not, while nobody takes what comes, nor a moment after that', async () => {
    const { client, body } = open(10_000);
    body.read(0);
    client.write(MANY);
    await sleep(1.8 * IDLE_MS);
    body.resume();
    // All that was sent is taken now; what comes next needs a moment.
    await sleep(0.6 * IDLE_MS);
    expect(codeOf(body)).to.equal(null);
    client.write(MANY);
    await sleep(0.2 * IDLE_MS);
    client.end();
    await sleep(IDLE_MS);
    expect(codeOf(body)).to.equal(null);
  });

  it('is too slow when the client says no more once it may', async () => {
    const { client, body } = open(1);
    body.read(0);
    client.write(MANY);
    await sleep(1.8 * IDLE_MS);
    body.resume();
    await sleep(3 * IDLE_MS);
    expect(codeOf(body)).to.equal('REQUEST_TIMEOUT');
  });
});

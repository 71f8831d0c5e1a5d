import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import { type RunningAdmin, startAdmin } from '../../../src/admin/server.ts';
import { createMetrics } from '../../../src/observe/counting.ts';
import { adminSource, type ChangeableSource } from '../../support/admin-source.ts';
import { eventually } from '../../support/raw-http.ts';

describe('admin: listener', () => {
  let admin: RunningAdmin;
  let source: ChangeableSource;
  beforeEach(async () => {
    source = adminSource([createMetrics({ version: '9.9' })]);
    admin = await startAdmin({ host: '127.0.0.1', port: 0 }, source);
  });
  afterEach(() => admin.close());

  const get = (
    path: string,
    method = 'GET',
  ): Promise<{ status: number; fields: IncomingMessage['headers']; body: string }> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: admin.port, path, method }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, fields: response.headers, body }));
      })
        .on('error', reject)
        .end();
    });

  it('is alive whatever else is wrong', async () => {
    source.change({ phase: 'stopping', isStoreAvailable: false });
    expect(await get('/healthz')).to.deep.include({ status: 200, body: 'ok\n' });
  });

  for (const [change, status, word] of [
    [{}, 200, 'ready'],
    [{ isStoreAvailable: false }, 200, 'degraded'],
    [{ phase: 'starting' }, 503, 'starting'],
    [{ phase: 'stopping' }, 503, 'stopping'],
  ] as const) {
    it(`is ${word} with ${JSON.stringify(change)}`, async () => {
      source.change(change);
      const answer = await get('/readyz');
      expect(answer.status).to.equal(status);
      expect(JSON.parse(answer.body)).to.deep.equal({
        status: word,
        store: 'isStoreAvailable' in change ? 'away' : 'available',
      });
    });
  }

  it('gives metrics in the format of Prometheus', async () => {
    const { status, fields, body } = await get('/metrics');
    expect(status).to.equal(200);
    expect(fields['content-type']).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(body).to.match(
      /^# HELP transid_build_info .*\n# TYPE transid_build_info gauge\ntransid_build_info\{version="9\.9"/m,
    );
    expect(body).to.match(/^process_resident_memory_bytes /m);
  });

  it('shows the dashboard with nothing from elsewhere and no scripts', async () => {
    const { status, fields, body } = await get('/');
    expect(status).to.equal(200);
    expect(fields['content-type']).to.equal('text/html; charset=utf-8');
    expect(fields['content-security-policy']).to.include("default-src 'none'");
    expect(fields['cache-control']).to.equal('no-store');
    expect(body).to.not.match(/<script|https?:\/\/(?!127\.0\.0\.1:8000)/);
    expect(body).to.include('http-equiv="refresh"').and.to.include('&#60;odd&#62;').and.to.not.include('<odd>');
  });

  it('HEAD is GET without the body; others are refused', async () => {
    expect(await get('/', 'HEAD')).to.deep.include({ status: 200, body: '' });
    const refused = await get('/', 'POST');
    expect(refused.status).to.equal(405);
    expect(refused.fields.allow).to.equal('GET, HEAD');
    expect((await get('/nothing')).status).to.equal(404);
    expect((await get('/healthz?x=1')).status).to.equal(200);
  });

  it('a reading that fails is a 500, not a crash', async () => {
    source.readings = () => Promise.reject(new Error('gone'));
    expect((await get('/metrics')).status).to.equal(500);
    expect((await get('/healthz')).status).to.equal(200);
  });

  it('a reading that fails is a gap in the charts: the process lives, and the next ones are in them', async () => {
    // That it is handled is looked for behind every test.
    const { readings } = source;
    let failures = 0;
    let nowMs = Date.now();
    await admin.close();
    admin = await startAdmin({ host: '127.0.0.1', port: 0 }, source, { clock: () => nowMs++, sampleIntervalMs: 5 });
    source.readings = () => {
      failures++;
      return Promise.reject(new Error('gone'));
    };
    await eventually('several have failed', () => failures > 3);
    source.readings = readings;
    let page = '';
    await eventually('there is a chart', () => {
      void get('/').then(({ body }) => {
        page = body;
      });
      return page.includes('<polygon');
    });
  });

  it('64 connections and no more: who holds them all open takes no descriptors from those who visit', async () => {
    const held = Array.from({ length: 64 }, () => connect(admin.port, '127.0.0.1').on('error', () => {}));
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    const refused = await get('/healthz').catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'ECONNRESET');
    for (const socket of held) socket.destroy();
    let status = 0;
    await eventually('the next one is served', () => {
      void get('/healthz').then(
        (answer) => {
          status = answer.status;
        },
        () => {},
      );
      return status === 200;
    });
  });

  it('an address that is taken is an error', async () => {
    const error = await startAdmin({ host: '127.0.0.1', port: admin.port }, source).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });

  it('… and nothing is read any more for the charts of what does not listen', async () => {
    const { readings } = source;
    let count = 0;
    source.readings = () => {
      count++;
      return readings();
    };
    await startAdmin({ host: '127.0.0.1', port: admin.port }, source, { sampleIntervalMs: 1 }).catch(() => {});
    const before = count;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(count).to.equal(before);
  });
});

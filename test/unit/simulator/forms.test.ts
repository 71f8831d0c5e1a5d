/** Forms as Chromium sends them: every body, target and the fields around it, byte for byte (test/vectors/forms). */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Browser } from '../../../src/simulator/index.ts';
import {
  type FormCase,
  keptFields,
  PAGE_TARGET,
  type Recording,
  type SentForm,
  VECTORS,
  withoutBoundary,
} from '../../support/record-forms.ts';

const cases = JSON.parse(readFileSync(new URL('cases.json', VECTORS), 'utf8')) as FormCase[];
const recording = JSON.parse(readFileSync(new URL('chromium.json', VECTORS), 'utf8')) as Recording;
/** Where we follow the standard and Chromium does not: our body, and the reason. */
const divergences = JSON.parse(readFileSync(new URL('divergences.json', VECTORS), 'utf8')) as Record<
  string,
  { reason: string; body: string }
>;

describe(`simulator: forms as ${recording.browser} sends them`, () => {
  let server: Server;
  let origin: string;
  let current: FormCase;
  let isServed: boolean;
  let sent: SentForm | null;
  let browser: Browser;

  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(200, { 'content-type': `text/html; charset=${current.charset ?? 'utf-8'}` });
        if (!isServed) {
          isServed = true;
          response.end(current.page);
          return;
        }
        const body = withoutBoundary(Buffer.concat(chunks), request.headers['content-type']);
        sent = {
          method: request.method ?? '',
          target: request.url ?? '',
          fields: keptFields(request.headers, origin),
          body,
        };
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = new Browser();
  });

  after(async () => {
    browser.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('has at least 60 of them, and a recording of each', () => {
    expect(cases.length).to.be.at.least(60);
    expect(Object.keys(recording.sent)).to.have.members(cases.map(({ name }) => name));
    expect(Object.keys(recording.sent)).to.include.members(Object.keys(divergences));
    expect(Object.keys(divergences).length).to.be.at.most(3);
  });

  for (const each of cases) {
    it(each.name, async () => {
      current = each;
      isServed = false;
      sent = null;
      const page = await browser.open(`${origin}${PAGE_TARGET}`);
      await page.submit(each.fill ?? {}, {
        form: 'form',
        ...(each.button === undefined ? {} : { button: each.button }),
        ...(each.clickAt === undefined ? {} : { clickAt: each.clickAt }),
      });
      const chromium = recording.sent[each.name]!;
      const divergence = divergences[each.name];
      if (divergence !== undefined) expect(divergence.body, 'no longer differs').to.not.equal(chromium.body);
      expect(sent).to.deep.equal({ ...chromium, ...(divergence === undefined ? {} : { body: divergence.body }) });
    });
  }
});

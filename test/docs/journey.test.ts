/** The journey of docs/simulator.md, walked through the shop that it is for: `transid demo`, in this process. */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { parse } from 'yaml';
import { createShop } from '../../src/demo/shop.ts';
import { readJourney, runJourney } from '../../src/simulator/index.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';

const PAPER = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
const JOURNEYS = [...PAPER.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text).filter(isJourney);

function isJourney(text: string): boolean {
  return /^steps:/m.test(text);
}

describe('the journeys of docs/simulator.md', () => {
  let shop: Server;
  let proxy: TestProxy;

  before(async () => {
    shop = createShop();
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
    proxy = await startProxy(`http://127.0.0.1:${(shop.address() as AddressInfo).port}`);
  });
  after(async () => {
    await proxy?.close();
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
  });

  it('are there', () => expect(JOURNEYS).to.not.be.empty);

  for (const text of JOURNEYS) {
    const journey = readJourney(parse(text), 'a journey');
    for (const cookies of ['off', 'on'] as const) {
      it(`${journey.name}, cookies ${cookies}`, async () => {
        expect(journey.start).to.equal('http://127.0.0.1:8080/');
        const report = await runJourney(
          { ...journey, start: `http://127.0.0.1:${proxy.port}/` },
          { browser: { cookies } },
        );
        expect(report.steps.filter(({ outcome }) => outcome !== 'passed')).to.deep.equal([]);
      });
    }
  }
});

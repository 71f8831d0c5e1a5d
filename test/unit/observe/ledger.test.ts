import { expect } from 'chai';
import { createMetrics } from '../../../src/observe/counting.ts';
import { Ledger } from '../../../src/observe/ledger.ts';
import { type MetricsReading, renderReadings } from '../../../src/observe/metrics.ts';

/** Of a process that refused so many sessions and holds as many connections. */
function readingOf(count: number): Promise<MetricsReading> {
  const metrics = createMetrics({ version: '1' });
  metrics.watchSessions({ refused: count, conflicts: 0, torn: 0 });
  metrics.watchServer({ connectionCount: count });
  return metrics.read();
}

/** Of one process for each count, by its number from 0. */
async function ledgerOf(...counts: number[]): Promise<Ledger> {
  const ledger = new Ledger();
  for (const [process, count] of counts.entries()) ledger.heard(process, await readingOf(count));
  return ledger;
}

/** What is told of one metric, whatever its labels. */
async function figure(name: string, readings: readonly MetricsReading[]): Promise<string[]> {
  const lines = (await renderReadings(readings)).split('\n');
  return lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
}
const refused = (readings: readonly MetricsReading[]) => figure('transid_sessions_refused_total', readings);

describe('Ledger', () => {
  let ledger: Ledger;
  beforeEach(async () => {
    ledger = await ledgerOf(1, 10, 100, 1000);
  });

  it('counts what a process said last, also when it has ended: a sum that falls is taken for a restart', async () => {
    ledger.heard(0, await readingOf(2));
    expect(await refused(await ledger.readings())).to.deep.equal(['1112']);
    for (const process of [0, 1, 2]) {
      ledger.ended(process);
      expect(await refused(await ledger.readings()), `without ${process}`).to.deep.equal(['1112']);
    }
    ledger.heard(4, await readingOf(5));
    expect(await refused(await ledger.readings())).to.deep.equal(['1117']);
  });

  it('tells nothing of the present of a process that has ended', async () => {
    const connections = async () => figure('transid_client_connections', await ledger.readings());
    expect(await connections()).to.deep.equal(['1111']);
    ledger.ended(0);
    expect(await connections(), 'one has ended').to.deep.equal(['1110']);
    ledger.ended(1);
    expect(await connections(), 'two, whose counts are merged').to.deep.equal(['1100']);
  });

  it('loses no count of a process that ends between two looks that began at about the same time', async () => {
    // How much later the second begins decides where it is when the first is done.
    for (let ticks = 0; ticks < 8; ticks++) {
      ledger = await ledgerOf(1, 10, 100);
      ledger.ended(0);
      ledger.ended(1);
      const first = ledger.readings();
      for (let i = 0; i < ticks; i++) await null;
      const second = ledger.readings();
      await first;
      ledger.ended(2);
      await second;
      expect(await refused(await ledger.readings()), `${ticks} later`).to.deep.equal(['111']);
    }
  });

  it('loses no count of a process that ends while others are merged', async () => {
    ledger.ended(0);
    ledger.ended(1);
    const look = ledger.readings();
    ledger.ended(2);
    expect(await refused(await look)).to.deep.equal(['1111']);
    expect(await refused(await ledger.readings()), 'later').to.deep.equal(['1111']);
  });
});

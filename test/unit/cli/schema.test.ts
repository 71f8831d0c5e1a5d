import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { schemaCommand } from '../../../src/cli/schema.ts';
import { captureIo } from '../../support/capture-io.ts';

describe('transid schema', () => {
  for (const [argv, file] of [
    [[], 'config/schema.json'],
    [['--reference'], 'config/reference.md'],
    [['--codes'], 'docs/reference-codes.md'],
  ] as const) {
    it(`${argv.join(' ') || 'alone'} prints ${file}`, async () => {
      const { io, out, err } = captureIo();
      expect(await schemaCommand([...argv], io)).to.equal(0);
      expect(out()).to.equal(readFileSync(file, 'utf8'));
      expect(err()).to.equal('');
    });
  }

  it('--help', async () => {
    const { io, out } = captureIo();
    expect(await schemaCommand(['--help'], io)).to.equal(0);
    expect(out()).to.match(/^usage: transid schema/i);
  });

  it('anything else is wrong usage', async () => {
    const { io, out, err } = captureIo();
    expect(await schemaCommand(['--json'], io)).to.equal(2);
    expect(out()).to.equal('');
    expect(err()).to.include("transid schema: Unknown option '--json'\n\nUsage: transid schema");
  });
});

/** Reads the inputs of html5lib-tests: the pages only, not what the suites expect of a tree or of tokens. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Sample {
  /** File and number within it. */
  id: string;
  page: Buffer;
}

const ROOT = new URL('../corpora/html5lib-tests/', import.meta.url).pathname;

/** Every `#data` of the tree construction suites. */
export function treeSamples(): Sample[] {
  const samples: Sample[] = [];
  for (const file of filesIn('tree-construction', '.dat')) {
    const tests = readFileSync(join(ROOT, file), 'utf8')
      .split(/^#data\n/m)
      .slice(1);
    tests.forEach((test, i) => {
      const end = test.search(/^#errors$/m);
      samples.push({ id: `${file}:${i + 1}`, page: Buffer.from(test.slice(0, Math.max(end - 1, 0)), 'utf8') });
    });
  }
  return samples;
}

/** Start tags that bring a page's tokenizer into each initial state that the suites name. */
const STATE_OPENERS: Readonly<Record<string, (lastStartTag: string) => string>> = {
  'Data state': () => '',
  'PLAINTEXT state': () => '<plaintext>',
  'RCDATA state': (tag) => `<${tag === 'xmp' ? 'title' : tag}>`,
  'RAWTEXT state': (tag) => `<${tag}>`,
  'Script data state': () => '<script>',
  'CDATA section state': () => '<svg><![CDATA[',
};

/** Every input of the tokenizer suites, in each of its initial states. */
export function tokenizerSamples(): Sample[] {
  const samples: Sample[] = [];
  for (const file of filesIn('tokenizer', '.test')) {
    const suite = JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
    (suite.tests ?? suite.xmlViolationTests).forEach((test: TokenizerTest, i: number) => {
      const input = test.doubleEscaped === true ? JSON.parse(`"${test.input.replaceAll('"', '\\"')}"`) : test.input;
      for (const state of test.initialStates ?? ['Data state']) {
        const open = STATE_OPENERS[state];
        if (open === undefined) throw new Error(`${file} names an unknown state: ${state}`);
        const page = Buffer.from(open(test.lastStartTag ?? 'xmp') + input, 'utf8');
        samples.push({ id: `${file}:${i + 1} ${state}`, page });
      }
    });
  }
  return samples;
}

interface TokenizerTest {
  input: string;
  initialStates?: string[];
  lastStartTag?: string;
  doubleEscaped?: boolean;
}

function filesIn(folder: string, extension: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(folder, name));
}

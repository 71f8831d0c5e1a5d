import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { excerptOf, isSecretName, maskSecrets, maskUserinfo } from '../../../src/config/excerpt.ts';

describe('config: lines without their secrets', () => {
  for (const [line, want] of [
    ['store: { kind: redis, url: "redis://user:HUNTER2@h:6379" }', 'store: { kind: redis, url: "redis://***@h:6379" }'],
    ['url: "redis://user:HUN\'TER 2@x@h" # mine', 'url: "redis://***@h" # mine'],
    ['[http://a:HUNTER2@b, http://c:HUNTER2@d]', '[http://***@b, http://***@d]'],
    ['  password: HUNTER2', '  password: ***'],
    ['  "password":"HUNTER2"', '  "password":***'],
    ['{ kind: redis, password: HUNTER2, tls: maybe }', '{ kind: redis, password: ***'],
    ['  password HUNTER2', '  password ***'],
    ['- apiKey: HUNTER2', '- apiKey: ***'],
    ['sign_key: HUNTER2', 'sign_key: ***'],
    ['auth_token: HUNTER2', 'auth_token: ***'],
    ['# password = HUNTER2', '# password = ***'],
    ['url: redis://h:1?db=1&password=HUNTER2', 'url: redis://h:1?db=1&password=***'],
    ['url: http://u:HUNTER2@h, password: HUNTER2', 'url: http://***@h, password: ***'],
    ['tcp://h:6379?auth[]=HUNTER2&auth[]=HUNTER2', 'tcp://h:6379?auth[]=***'],
    ['tcp://h:6379?auth%5B%5D=HUNTER2', 'tcp://h:6379?auth%5B%5D=***'],
    ['password_file: /run/secrets/redis', 'password_file: /run/secrets/redis'],
    ['password_env: REDIS_PASSWORD', 'password_env: REDIS_PASSWORD'],
    ['key_prefix: "transid:"', 'key_prefix: "transid:"'],
    ['path: [/token, /reset-password/**]', 'path: [/token, /reset-password/**]'],
    ['upstream: http://127.0.0.1:8000', 'upstream: http://127.0.0.1:8000'],
  ] as const) {
    it(line, () => {
      expect(maskSecrets(line)).to.equal(want);
      expect(maskSecrets(line)).to.not.include('HUNTER2');
    });
  }

  it('a value on lines of its own is left out', () => {
    const lines = ['vars:', '  token:', '  - HUNTER2', '', '    HUNTER2', '  other: x', '- password: a', '  next: y'];
    expect(lines.map((_, index) => excerptOf(lines, index).text)).to.deep.equal([
      'vars:',
      '  token:',
      '  ***',
      '',
      '    ***',
      '  other: x',
      '- password: ***',
      '  next: y',
    ]);
  });

  // 100,000 letters took half a minute; nothing else could happen meanwhile.
  for (const [what, line] of [
    ['letters', 'x'.repeat(1_000_000)],
    ['digits', '1'.repeat(1_000_000)],
    ['names', 'a.b-'.repeat(250_000)],
    ['blanks', `a${' '.repeat(1_000_000)}`],
  ] as const) {
    it(`a long line of ${what} is looked through at once`, () => {
      const startedMs = performance.now();
      expect(maskSecrets(`${line}password: HUNTER2`)).to.equal(`${line}password: ***`);
      expect(maskSecrets(line)).to.equal(line);
      expect(performance.now() - startedMs).to.be.below(2000);
    });
  }

  it('columns go with what they are about', () => {
    const line = '{ url: "redis://u:HUNTER2@h", x: 1 }';
    const { text, columnOf } = excerptOf([line], 0);
    for (const word of ['"redis', '@h', 'x: 1'])
      expect(columnOf(line.indexOf(word) + 1)).to.equal(text.indexOf(word) + 1);
    expect(columnOf(line.indexOf('TER2') + 1), 'within the secret').to.equal(text.indexOf('***') + 1);
  });

  it('a URL that is no value', () => {
    expect(maskUserinfo('unknown key "http://u:HUNTER2@h"')).to.equal('unknown key "http://***@h"');
  });

  it('no key of ours is taken for a secret', () => {
    const keys = [...readFileSync('config/reference.md', 'utf8').matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, key = '']) => key,
    );
    expect(keys.length).to.be.greaterThan(100);
    expect(keys.filter(isSecretName)).to.deep.equal([]);
  });
});

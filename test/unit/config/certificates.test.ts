import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readConfig } from '../../../src/config/load.ts';
import { problemLine } from '../../../src/config/problems.ts';
import { CERTIFICATE, OTHER_CERTIFICATE } from '../../support/tls-pair.ts';

const NO_CERTIFICATE = 'the file holds no certificate in PEM form';
const NO_KEY = 'the file holds no private key in PEM form';
const ENCRYPTED = 'the key is encrypted: one without a passphrase is needed';
const NO_PAIR = 'the key in `key_file` is not that of this certificate';

const { cert, key } = CERTIFICATE;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const pem = (options: { type: 'pkcs1' | 'pkcs8'; passphrase?: string }): string => {
  const cipher = options.passphrase === undefined ? {} : { cipher: 'aes-128-cbc' };
  return rsa.export({ format: 'pem', ...options, ...cipher }).toString();
};

describe('config: certificates and keys', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const problemsOf = (files: Record<string, string>, yaml: string): string[] => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return readConfig(yaml, join(folder, 'c.yaml')).problems.map((problem) =>
      problemLine(problem).slice(folder.length + 1),
    );
  };
  const LISTEN = `listen: { address: "127.0.0.1:0", tls: { cert: a.crt, key_file: a.key } }\nupstream: http://a:1\n`;
  const AT_CERT = 'c.yaml:1:48: listen.tls.cert: ';
  const AT_KEY = 'c.yaml:1:65: listen.tls.key_file: ';

  for (const [what, files, want] of [
    ['a pair', { cert, key }, []],
    ['both in both files', { cert: `${key}\n${cert}`, key: `${cert}\n${key}` }, []],
    ['neither is PEM', { cert: 'x', key: 'y' }, [AT_CERT + NO_CERTIFICATE, AT_KEY + NO_KEY]],
    ['the key is no PEM', { cert, key: 'y' }, [AT_KEY + NO_KEY]],
    ['the certificate is no PEM', { cert: 'x', key }, [AT_CERT + NO_CERTIFICATE]],
    ['taken for each other', { cert: key, key: cert }, [AT_CERT + NO_CERTIFICATE, AT_KEY + NO_KEY]],
    ['an encrypted key', { cert, key: pem({ type: 'pkcs8', passphrase: 'abcd' }) }, [AT_KEY + ENCRYPTED]],
    ['an encrypted key, as of old', { cert, key: pem({ type: 'pkcs1', passphrase: 'abcd' }) }, [AT_KEY + ENCRYPTED]],
    ["another certificate's key", { cert, key: OTHER_CERTIFICATE.key }, [AT_CERT + NO_PAIR]],
    ['a key of another kind', { cert, key: pem({ type: 'pkcs8' }) }, [AT_CERT + NO_PAIR]],
    [
      'a chain that is damaged',
      { cert: `${cert}\n-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n`, key },
      [`${AT_CERT}certificate and key cannot be used together: bad base64 decode`],
    ],
  ] as const) {
    it(what, () => expect(problemsOf({ 'a.crt': files.cert, 'a.key': files.key }, LISTEN)).to.deep.equal(want));
  }

  it('authorities to trust', () => {
    const yaml = `upstream: { url: https://a:1, tls: { ca_file: ca.pem } }
store: { kind: redis, url: "rediss://a:1", ca_file: ca.pem }`;
    expect(problemsOf({ 'ca.pem': cert }, yaml)).to.deep.equal([]);
    expect(problemsOf({ 'ca.pem': 'no authority' }, yaml)).to.deep.equal([
      `c.yaml:1:47: upstream.tls.ca_file: ${NO_CERTIFICATE}`,
      `c.yaml:2:53: store.ca_file: ${NO_CERTIFICATE}`,
    ]);
    const bundle = `First\n${cert}\nSecond\n${OTHER_CERTIFICATE.cert}\n`;
    expect(problemsOf({ 'ca.pem': bundle }, yaml)).to.deep.equal([]);
    // Half written.
    expect(problemsOf({ 'ca.pem': bundle.slice(0, -200) }, yaml)).to.deep.equal([
      'c.yaml:1:47: upstream.tls.ca_file: certificate 2 in the file is damaged',
      'c.yaml:2:53: store.ca_file: certificate 2 in the file is damaged',
    ]);
  });
});

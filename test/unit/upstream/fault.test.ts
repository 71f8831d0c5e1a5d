import { expect } from 'chai';
import { ProxyError } from '../../../src/errors.ts';
import { upstreamFault } from '../../../src/upstream/fault.ts';

const error = (code: string) => Object.assign(new Error(code), { code });

describe('upstreamFault', () => {
  for (const [code, isConnected, want] of [
    ['ECONNREFUSED', false, 'UPSTREAM_REFUSED'],
    ['EHOSTUNREACH', false, 'UPSTREAM_REFUSED'],
    ['ECONNRESET', false, 'UPSTREAM_REFUSED'],
    ['ENOTFOUND', false, 'UPSTREAM_NOT_FOUND'],
    ['EAI_AGAIN', false, 'UPSTREAM_NOT_FOUND'],
    ['EPROTO', false, 'UPSTREAM_TLS_FAILED'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', false, 'UPSTREAM_TLS_FAILED'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false, 'UPSTREAM_TLS_FAILED'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false, 'UPSTREAM_TLS_FAILED'],
    ['CERT_HAS_EXPIRED', false, 'UPSTREAM_TLS_FAILED'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', false, 'UPSTREAM_TLS_FAILED'],
    ['INVALID_CA', false, 'UPSTREAM_TLS_FAILED'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', true, 'UPSTREAM_TLS_FAILED'],
    ['ECONNRESET', true, 'UPSTREAM_RESET'],
    ['HPE_INVALID_CONSTANT', true, 'UPSTREAM_BAD_RESPONSE'],
    ['HPE_INVALID_EOF_STATE', true, 'UPSTREAM_RESET'],
    ['EMFILE', false, 'EXHAUSTED'],
    ['ENFILE', false, 'EXHAUSTED'],
    ['EADDRNOTAVAIL', false, 'EXHAUSTED'],
  ] as const) {
    it(`${code}${isConnected ? ' on a connection' : ''}: ${want}`, () => {
      expect(upstreamFault(error(code), isConnected)).to.include({ code: want, detail: code });
    });
  }

  it('passes a fault of ours on', () => {
    const fault = new ProxyError('CLIENT_GONE');
    expect(upstreamFault(fault, true)).to.equal(fault);
  });
});

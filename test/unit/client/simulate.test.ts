/** The proxy as a simulator: which cookies go which way, and what the script does to `document.cookie`. */
import vm from 'node:vm';
import { expect } from 'chai';
import {
  chooseSimulation,
  type SimulatedClient,
  type Simulation,
  simulateRequest,
  simulateResponse,
  simulationScript,
} from '../../../src/client/simulate.ts';
import { ProxyError } from '../../../src/errors.ts';

const NONE = { simulate: null, simulateByField: false } as const;
const BY_FIELD = { simulate: null, simulateByField: true } as const;

function as(kind: 'no-cookies' | 'session-only' | 'block-third-party' | 'drop', isThirdParty = false): SimulatedClient {
  const simulation: Simulation = kind === 'drop' ? { kind, names: new Set(['a', 'c']) } : { kind };
  return { simulation, isThirdParty };
}

describe('client simulation: which one', () => {
  for (const [why, policy, fields, want] of [
    ['off by default', NONE, [], null],
    ['the route says it', { ...NONE, simulate: 'session-only' }, [], 'session-only'],
    ['the field counts only where the route lets it', NONE, ['Transid-Simulate', 'no-cookies'], null],
    ['by field', BY_FIELD, ['transid-SIMULATE', ' no-cookies '], 'no-cookies'],
    ['by field, none sent', BY_FIELD, ['Cookie', 'a=1'], null],
    [
      'the field goes before the route',
      { simulate: 'no-cookies', simulateByField: true },
      ['Transid-Simulate', 'session-only'],
      'session-only',
    ],
    ['drop', BY_FIELD, ['Transid-Simulate', 'drop:PHPSESSID'], 'drop PHPSESSID'],
    ['drop several', BY_FIELD, ['Transid-Simulate', 'drop: a , b'], 'drop a b'],
  ] as const) {
    it(why, () => {
      const simulation = chooseSimulation(policy, fields)?.simulation ?? null;
      const told = simulation?.kind === 'drop' ? `drop ${[...simulation.names].join(' ')}` : (simulation?.kind ?? null);
      expect(told).to.equal(want);
    });
  }

  for (const value of ['', 'none', 'no_cookies', 'drop:', 'drop:a b', 'no-cookies, drop:a']) {
    it(`refuses '${value}' with BAD_FIELD`, () => {
      expect(() => chooseSimulation(BY_FIELD, ['Transid-Simulate', value]))
        .to.throw(ProxyError)
        .with.property('code', 'BAD_FIELD');
    });
  }

  for (const [fields, want] of [
    [[], false],
    [['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'document'], false],
    [['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Mode', 'navigate'], false],
    [['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'iframe'], true],
    [['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Mode', 'no-cors', 'Sec-Fetch-Dest', 'image'], true],
    [['Sec-Fetch-Site', 'same-origin', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'iframe'], false],
    [['Sec-Fetch-Site', 'same-origin', 'Sec-Fetch-Storage-Access', 'active'], true],
  ] as const) {
    it(`third party ${want}: ${fields.join(' ')}`, () => {
      expect(chooseSimulation({ ...NONE, simulate: 'block-third-party' }, fields)?.isThirdParty).to.equal(want);
    });
  }
});

describe('client simulation: requests', () => {
  for (const [client, fields, want] of [
    [
      as('no-cookies'),
      ['Host', 'x', 'Cookie', 'a=1', 'COOKIE', 'b=2', 'Accept', '*/*'],
      ['Host', 'x', 'Accept', '*/*'],
    ],
    [as('no-cookies'), ['Transid-Simulate', 'no-cookies', 'A', '1'], ['A', '1']],
    [as('no-cookies'), ['Sec-Fetch-Storage-Access', 'active'], ['Sec-Fetch-Storage-Access', 'none']],
    [as('session-only'), ['Cookie', 'a=1'], ['Cookie', 'a=1']],
    [as('block-third-party'), ['Cookie', 'a=1'], ['Cookie', 'a=1']],
    [
      as('block-third-party', true),
      ['Cookie', 'a=1', 'Sec-Fetch-Storage-Access', 'inactive'],
      ['Sec-Fetch-Storage-Access', 'none'],
    ],
    [as('drop'), ['Cookie', 'a=1; b=2; c="3"; ab=4'], ['Cookie', 'b=2; ab=4']],
    [as('drop'), ['Cookie', 'c=1;a=2'], []],
    [as('drop'), ['Cookie', 'b=a=1'], ['Cookie', 'b=a=1']],
  ] as const) {
    it(`${client.simulation.kind}${client.isThirdParty ? ' in a foreign page' : ''}: ${fields.join(' ')}`, () => {
      expect(simulateRequest(client, fields)).to.deep.equal(want);
    });
  }
});

describe('client simulation: responses', () => {
  const OLD = 'Thu, 01 Jan 1970 00:00:00 GMT';
  for (const [client, value, want] of [
    [as('no-cookies'), 'a=1', null],
    [as('block-third-party'), 'a=1', 'a=1'],
    [as('block-third-party', true), 'a=1', null],
    [as('drop'), 'a=1; Path=/', null],
    [as('drop'), 'b=a', 'b=a'],
    [as('session-only'), 'a=1; Path=/; HttpOnly', 'a=1; Path=/; HttpOnly'],
    [as('session-only'), 'a=1; Max-Age=3600; Path=/', 'a=1; Path=/'],
    [as('session-only'), 'a=1; EXPIRES=Wed, 01 Jan 2031 00:00:00 GMT; Secure', 'a=1; Secure'],
    [as('session-only'), 'max-age=1; path=/', 'max-age=1; path=/'],
    [as('session-only'), `a=; Expires=${OLD}`, `a=; Expires=${OLD}`],
    [
      as('session-only'),
      'a=; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/',
      'a=; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/',
    ],
    [
      as('session-only'),
      'a=; expires=Mon, 01-Jun-2026 00:00:00 GMT; path=/',
      'a=; expires=Mon, 01-Jun-2026 00:00:00 GMT; path=/',
    ],
    [as('session-only'), 'a=1; expires=Wed, 03-Jun-2026 00:00:00 GMT; path=/', 'a=1; path=/'],
    [as('session-only'), 'a=deleted; Max-Age=0', 'a=deleted; Max-Age=0'],
    [as('session-only'), `a=1; Expires=${OLD}; Max-Age=60`, 'a=1'],
  ] as const) {
    it(`${client.simulation.kind}: ${value}`, () => {
      const fields = ['Content-Type', 'text/html', 'sEt-cOOkie', value];
      const kept = want === null ? [] : ['sEt-cOOkie', want];
      expect(simulateResponse(client, fields, Date.UTC(2026, 5, 2))).to.deep.equal([
        'Content-Type',
        'text/html',
        ...kept,
      ]);
    });
  }
});

/** Enough of a browser: `document.cookie` on the prototype, as in every one of them. */
function runScript(simulation: Simulation, steps: string, isForeignFrame = false): unknown {
  const world = vm.createContext({});
  vm.runInContext(
    `var kept = [];
     function Document() {}
     Object.defineProperty(Document.prototype, 'cookie', { configurable: true,
       get: function () { return kept.map(function (c) { return c.split(';')[0]; }).join('; '); }, set: function (v) { kept.push(v); } });
     function Navigator() {}
     Object.defineProperty(Navigator.prototype, 'cookieEnabled', { configurable: true, get: function () { return true; } });
     var document = new Document(), navigator = new Navigator(), window = this, location = { host: 'shop' }, cookieStore = {};
     var top = ${isForeignFrame ? "{ get location() { throw new Error('SecurityError'); } }" : '{ location: location }'};
     Object.defineProperty(window, 'cookieStore', { configurable: true, value: cookieStore });
     ${simulationScript(simulation)}`,
    world,
  );
  return vm.runInContext(steps, world);
}

describe('client simulation: the script', () => {
  const seen = "document.cookie = 'a=1; Max-Age=60'; document.cookie = 'b=2'; document.cookie";
  for (const [simulation, steps, want, isForeignFrame] of [
    [{ kind: 'no-cookies' }, seen, '', false],
    [{ kind: 'no-cookies' }, 'navigator.cookieEnabled', false, false],
    [{ kind: 'no-cookies' }, 'window.cookieStore === undefined', true, false],
    [{ kind: 'block-third-party' }, seen, 'a=1; b=2', false],
    [{ kind: 'block-third-party' }, seen, '', true],
    [{ kind: 'session-only' }, `${seen}; kept.join(' | ')`, 'a=1 | b=2', false],
    [{ kind: 'session-only' }, "document.cookie = 'a=; Max-Age=0'; kept.join()", 'a=; Max-Age=0', false],
    [
      { kind: 'session-only' },
      "document.cookie = 'a=; expires=Thu, 01 Jan 1970 00:00:00 GMT'; kept.join()",
      'a=; expires=Thu, 01 Jan 1970 00:00:00 GMT',
      false,
    ],
    [
      { kind: 'session-only' },
      "document.cookie = 'a=1; path=/; expires=Wed, 01 Jan 2031 00:00:00 GMT'; kept.join()",
      'a=1; path=/',
      false,
    ],
    [
      { kind: 'session-only' },
      "var gone = 'a=; expires=' + new Date(Date.now() - 1000).toUTCString(); document.cookie = gone; kept.join() === gone",
      true,
      false,
    ],
    [
      { kind: 'session-only' },
      "document.cookie = 'a=1; expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=60'; kept.join()",
      'a=1',
      false,
    ],
    [{ kind: 'drop', names: new Set(['a']) }, seen, 'b=2', false],
    [{ kind: 'drop', names: new Set(['a']) }, "kept.push('a=server'); document.cookie", '', false],
  ] as const) {
    it(`${simulation.kind}${isForeignFrame ? ' in a foreign frame' : ''}: ${steps}`, () => {
      expect(runScript(simulation, steps, isForeignFrame)).to.equal(want);
    });
  }

  it('stands in HTML and XHTML alike: no < and no &', () => {
    for (const simulation of [
      { kind: 'no-cookies' },
      { kind: 'session-only' },
      { kind: 'block-third-party' },
      { kind: 'drop', names: new Set(["</script><b>'&"]) },
    ] as const) {
      expect(simulationScript(simulation)).to.not.match(/[<&]/);
      expect(simulationScript(simulation)).to.match(/^[\x20-\x7e]*$/);
    }
  });
});

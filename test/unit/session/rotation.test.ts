import { expect } from 'chai';
import type { CookieChange } from '../../../src/session/jar.ts';
import { countRolls, isSignIn, type RollCounts } from '../../../src/session/rotation.ts';

type Kind = CookieChange['kind'];

const NEVER_ROLLED: RollCounts = new Map();
const auto = { rotateOn: 'auto', cookies: new Set<string>() } as const;
const listed = { rotateOn: 'auto', cookies: new Set(['sess']) } as const;
const named = { rotateOn: new Set(['sess']), cookies: new Set<string>() } as const;
const never = { rotateOn: 'never', cookies: new Set(['sess']) } as const;

function change(name: string, kind: Kind, ...marks: Array<'HttpOnly' | 'persistent' | 'long' | 'token'>): CookieChange {
  return {
    name,
    kind,
    isHttpOnly: marks.includes('HttpOnly'),
    isPersistent: marks.includes('persistent'),
    isLong: marks.includes('long') || marks.includes('token'),
    isToken: marks.includes('token'),
  };
}

describe('isSignIn', () => {
  const rows: ReadonlyArray<[string, boolean, string, CookieChange, Parameters<typeof isSignIn>[2]]> = [
    ['a POST sets a new HttpOnly cookie', true, 'POST', change('auth', 'created', 'HttpOnly'), auto],
    ['… with an end of its own', true, 'POST', change('remember', 'created', 'HttpOnly', 'persistent'), auto],
    ['a POST replaces an HttpOnly cookie', true, 'POST', change('sess', 'replaced', 'HttpOnly'), auto],
    ['a POST replaces a cookie without end, as PHP does', true, 'POST', change('PHPSESSID', 'replaced'), auto],
    ['… whatever it is called', true, 'POST', change('x', 'replaced'), auto],
    ['PUT, PATCH and DELETE are unsafe, too', true, 'PATCH', change('sess', 'replaced', 'HttpOnly'), auto],
    ['a POST sets a preference', false, 'POST', change('lang', 'created'), auto],
    ['a POST sets a cookie called like a session, as PHP does', true, 'POST', change('PHPSESSID', 'created'), auto],
    ['a POST sets a cookie with a long value', true, 'POST', change('x', 'created', 'long'), auto],
    ['… with an end', false, 'POST', change('last_search', 'created', 'long', 'persistent'), auto],
    ['… with an end, that looks like an identifier', true, 'POST', change('x', 'created', 'token', 'persistent'), auto],
    ['… of a balancer', false, 'POST', change('AWSALB', 'replaced', 'token', 'persistent'), auto],
    ['… of a guard, as Laravel’s', false, 'POST', change('XSRF-TOKEN', 'replaced', 'token', 'persistent'), auto],
    ['a POST sets a name, as WordPress does', false, 'POST', change('comment_author_1', 'created', 'persistent'), auto],
    ['a POST sets a preference with a part of a word', false, 'POST', change('sidebar', 'created', 'persistent'), auto],
    [
      'a POST replaces a cookie with an end, as PHP does with session.cookie_lifetime',
      true,
      'POST',
      change('PHPSESSID', 'replaced', 'token', 'persistent'),
      auto,
    ],
    [
      'a POST sets a cookie called like a token, with an end',
      true,
      'POST',
      change('auth', 'created', 'persistent'),
      auto,
    ],
    ['… beside listed ones', false, 'POST', change('x', 'created', 'long'), listed],
    ['a POST replaces a preference with an end', false, 'POST', change('lang', 'replaced', 'persistent'), auto],
    ['a POST sends the same value again', false, 'POST', change('sess', 'refreshed', 'HttpOnly'), auto],
    ['a POST deletes', false, 'POST', change('sess', 'deleted', 'HttpOnly', 'persistent'), auto],
    ['a POST sets what is refused', false, 'POST', change('sess', 'refused'), auto],
    ['a GET sets a new HttpOnly cookie', false, 'GET', change('auth', 'created', 'HttpOnly'), auto],
    ['a GET replaces', false, 'GET', change('sess', 'replaced', 'HttpOnly'), auto],
    ['HEAD and OPTIONS are safe', false, 'OPTIONS', change('sess', 'replaced', 'HttpOnly'), auto],
    ['QUERY is safe', false, 'QUERY', change('sess', 'created', 'HttpOnly'), auto],
    ['a listed cookie is created by POST', true, 'POST', change('sess', 'created'), listed],
    ['a listed cookie with an end is replaced by POST', true, 'POST', change('sess', 'replaced', 'persistent'), listed],
    ['a cookie that is not listed is replaced by POST', false, 'POST', change('other', 'replaced'), listed],
    ['… but an HttpOnly one counts all the same', true, 'POST', change('other', 'created', 'HttpOnly'), listed],
    ['a named cookie is replaced by GET', true, 'GET', change('sess', 'replaced'), named],
    ['a named cookie is created by POST', true, 'POST', change('sess', 'created'), named],
    ['a named cookie is deleted', false, 'POST', change('sess', 'deleted'), named],
    ['another cookie than the named', false, 'POST', change('auth', 'created', 'HttpOnly'), named],
    ['never', false, 'POST', change('sess', 'replaced', 'HttpOnly'), never],
  ];
  for (const [why, want, method, given, policy] of rows) {
    it(`${want ? 'yes' : 'no'}: ${why}`, () => {
      expect(isSignIn(method, [change('x', 'refreshed'), given], policy, NEVER_ROLLED, true)).to.equal(want);
    });
  }
});

describe('rolling cookies', () => {
  const roll = change('rails', 'replaced', 'HttpOnly');
  const rolledBy = (...methods: string[]): RollCounts =>
    methods.reduce((counts, method) => countRolls(counts, method, [roll]), NEVER_ROLLED);

  it('are no sign once they changed on two answers to GETs', () => {
    expect(isSignIn('POST', [roll], auto, rolledBy('GET'), true)).to.equal(true);
    expect(isSignIn('POST', [roll], auto, rolledBy('GET', 'GET'), true)).to.equal(false);
    expect(isSignIn('POST', [roll], auto, rolledBy('GET', 'HEAD', 'GET', 'GET'), true)).to.equal(false);
  });

  it('are taught by answers to GETs only', () => {
    expect(isSignIn('POST', [roll], auto, rolledBy('POST', 'POST', 'PUT', 'GET'), true)).to.equal(true);
  });

  it('are a sign on another network: an attacker may have taught the session to roll', () => {
    expect(isSignIn('POST', [roll], auto, rolledBy('GET', 'GET', 'GET'), false)).to.equal(true);
  });

  it('do not excuse other cookies', () => {
    const counts = rolledBy('GET', 'GET');
    expect(isSignIn('POST', [roll, change('auth', 'created', 'HttpOnly')], auto, counts, true)).to.equal(true);
  });

  it('yield to names', () => {
    expect(isSignIn('POST', [change('sess', 'replaced')], named, new Map([['sess', 9]]), true)).to.equal(true);
  });

  it('are not learned from creation, deletion or the same value again', () => {
    const changes = [change('a', 'created'), change('b', 'deleted'), change('c', 'refreshed')];
    expect(countRolls(NEVER_ROLLED, 'GET', changes)).to.equal(NEVER_ROLLED);
  });
});

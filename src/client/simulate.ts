/**
 * The proxy as a simulator: it makes any ordinary client look like one whose browser restricts cookies, by taking out of
 * requests and responses what such a browser would neither send nor keep. Pure.
 *
 * To the rest of the exchange the client *is* such a one: the edits come before the verdict and after everything else.
 */
import { ProxyError } from '../errors.ts';
import { firstValue } from '../field-list.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';

export type Simulation =
  | { readonly kind: 'no-cookies' | 'session-only' | 'block-third-party' }
  | { readonly kind: 'drop'; readonly names: ReadonlySet<string> };

/** One simulation for one request: the browser it plays, and whether this request is made within a foreign page. */
export interface SimulatedClient {
  readonly simulation: Simulation;
  readonly isThirdParty: boolean;
}

export const SIMULATE_FIELD = 'transid-simulate';

/**
 * What is simulated for a request: by its own field where the route lets it choose, else by the route. Null: nothing.
 * `fields` is the flat list of names and values as received.
 * @throws ProxyError BAD_FIELD for a field that names no simulation: a test that is not what it says must not pass.
 */
export function chooseSimulation(
  policy: Pick<RoutePolicy, 'simulate' | 'simulateByField'>,
  fields: readonly string[],
): SimulatedClient | null {
  const simulation = simulationFor(policy, fields);
  return simulation === null ? null : { simulation, isThirdParty: isThirdParty(fields) };
}

function simulationFor(
  policy: Pick<RoutePolicy, 'simulate' | 'simulateByField'>,
  fields: readonly string[],
): Simulation | null {
  const asked = policy.simulateByField ? firstValue(fields, SIMULATE_FIELD) : null;
  if (asked === null) return policy.simulate === null ? null : { kind: policy.simulate };
  const word = asked.trim();
  if (word === 'no-cookies' || word === 'session-only' || word === 'block-third-party') return { kind: word };
  const dropped = /^drop:\s*([^\s,;=]+(?:\s*,\s*[^\s,;=]+)*)$/.exec(word);
  if (dropped === null) throw new ProxyError('BAD_FIELD', { detail: 'Transid-Simulate names no simulation' });
  return { kind: 'drop', names: new Set((dropped[1] ?? '').split(',').map((name) => name.trim())) };
}

/** The fields as such a browser would have sent them. */
export function simulateRequest(client: SimulatedClient, fields: readonly string[]): string[] {
  const isBlocked = blocksAll(client);
  const kept: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    let value: string | null = fields[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === SIMULATE_FIELD) continue;
    if (lower === 'cookie') value = isBlocked ? null : keptPairs(client.simulation, value);
    // A browser that withholds cookies in a foreign page says so itself where it sends this field at all.
    else if (lower === 'sec-fetch-storage-access' && isBlocked) value = 'none';
    if (value !== null) kept.push(name, value);
  }
  return kept;
}

/** The fields as such a browser would have taken them: without the Set-Cookie that it ignores. */
export function simulateResponse(client: SimulatedClient, fields: readonly string[], nowMs: number): string[] {
  const isBlocked = blocksAll(client);
  const kept: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    let value: string | null = fields[i + 1] ?? '';
    if (name.toLowerCase() === 'set-cookie') value = isBlocked ? null : keptCookie(client.simulation, value, nowMs);
    if (value !== null) kept.push(name, value);
  }
  return kept;
}

/**
 * The script that makes `document.cookie` behave in the same way, without its `<script>` tags and without `<` or `&`, so
 * that it may stand in XHTML as well. Syntax of 2009: what is tested may be as old. It covers `document.cookie`,
 * `navigator.cookieEnabled` and the Cookie Store; other storage is another matter.
 */
export function simulationScript(simulation: Simulation): string {
  switch (simulation.kind) {
    case 'no-cookies':
      return `(function(){${NO_COOKIES}})()`;
    case 'block-third-party':
      // A frame whose top document cannot be read stands in a foreign page.
      return `(function(){var own;try{own=top.location.host===location.host}catch(e){own=false}if(own)return;${NO_COOKIES}})()`;
    case 'session-only':
      return wrapCookie(
        'return old.get.call(this)',
        'var s=String(v),a=/;\\s*max-age\\s*=\\s*(-?[0-9]+)/i.exec(s),e=/;\\s*expires\\s*=\\s*([^;]+)/i.exec(s),' +
          "d=a?0>=+a[1]:e?new Date()-Date.parse(e[1].replace(/-/g,' '))>=0:false;" +
          "old.set.call(this,d?s:s.replace(/;\\s*(?:max-age|expires)\\s*=[^;]*/gi,''))",
      );
    case 'drop': {
      const names = JSON.stringify([...simulation.names]).replace(/[<>&\u2028\u2029]/g, escapeChar);
      return wrapCookie(
        "return old.get.call(this).split('; ').filter(function(p){return keep(p)}).join('; ')",
        'if(keep(String(v)))old.set.call(this,v)',
        `function keep(p){return ${names}.indexOf(p.split('=')[0].trim())===-1}`,
      );
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const NO_COOKIES =
  "try{Object.defineProperty(Document.prototype,'cookie',{configurable:true,get:function(){return''},set:function(){}})}catch(e){}" +
  "try{Object.defineProperty(Navigator.prototype,'cookieEnabled',{configurable:true,get:function(){return false}})}catch(e){}" +
  "try{Object.defineProperty(window,'cookieStore',{configurable:true,value:undefined})}catch(e){}";

function wrapCookie(get: string, set: string, helper = ''): string {
  return (
    `(function(){try{${helper}var old=Object.getOwnPropertyDescriptor(Document.prototype,'cookie');` +
    `Object.defineProperty(Document.prototype,'cookie',{configurable:true,get:function(){${get}},set:function(v){${set}}});` +
    "Object.defineProperty(window,'cookieStore',{configurable:true,value:undefined})}catch(e){}})()"
  );
}

function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** No cookie at all goes either way for this request. */
function blocksAll({ simulation, isThirdParty }: SimulatedClient): boolean {
  return simulation.kind === 'no-cookies' || (simulation.kind === 'block-third-party' && isThirdParty);
}

/**
 * Made within a page of another site, as far as the browser tells: Sec-Fetch-Storage-Access is only sent there; otherwise
 * a frame or a part of a page that is loaded cross-site. A whole page that comes from another site is none.
 */
function isThirdParty(fields: readonly string[]): boolean {
  if (firstValue(fields, 'sec-fetch-storage-access') !== null) return true;
  if (firstValue(fields, 'sec-fetch-site') !== 'cross-site') return false;
  const dest = firstValue(fields, 'sec-fetch-dest');
  return firstValue(fields, 'sec-fetch-mode') !== 'navigate' || (dest !== null && dest !== 'document');
}

/** The Cookie field's value without the dropped names; null when nothing is left. */
function keptPairs(simulation: Simulation, value: string): string | null {
  if (simulation.kind !== 'drop') return value;
  const pairs = value.split(';').filter((pair) => !simulation.names.has(nameOf(pair)));
  return pairs.length === 0 ? null : pairs.join(';').trim();
}

function keptCookie(simulation: Simulation, value: string, nowMs: number): string | null {
  if (simulation.kind === 'drop') return simulation.names.has(nameOf(value)) ? null : value;
  if (simulation.kind !== 'session-only' || isDeletion(value, nowMs)) return value;
  // RFC 6265 §5.2: attributes stand between semicolons; without these two the cookie ends with the browser's session.
  return value
    .split(';')
    .filter((attribute, index) => index === 0 || !/^\s*(?:expires|max-age)\s*(?:=|$)/i.test(attribute))
    .join(';');
}

/** A cookie that is being deleted must go, whatever the browser thinks of lifetimes. */
function isDeletion(setCookie: string, nowMs: number): boolean {
  const maxAge = /;\s*max-age\s*=\s*(-?[0-9]+)\s*(?:;|$)/i.exec(setCookie);
  if (maxAge !== null) return Number(maxAge[1]) <= 0;
  const expires = /;\s*expires\s*=\s*([^;]+)/i.exec(setCookie);
  if (expires === null) return false;
  const atMs = Date.parse((expires[1] ?? '').replace(/-/g, ' '));
  return Number.isFinite(atMs) && atMs <= nowMs;
}

function nameOf(pair: string): string {
  return (pair.split(';')[0] ?? '').split('=')[0]?.trim() ?? '';
}

/**
 * Scripted journeys through an application with PHP sessions, as data: what a client does, and where the proxy is meant
 * to differ from PHP's own trans-sid. `php-journeys.test.ts` walks them twice.
 */

/** `{sid}` is the SID that the walker saw last, `{first}` the first one, `{forged}` an ID of the
 * right form that nobody gave out. */
export type Step =
  | { readonly get: string; readonly cookies?: boolean }
  /** Follow the link of this text on the page of the tab. */
  | { readonly click: string; readonly cookies?: boolean }
  /** Submit the form of this name with these fields, and the hidden ones that the page has in it. */
  | {
      readonly submit: string;
      readonly fields?: Record<string, string>;
      readonly fileBytes?: number;
      readonly cookies?: boolean;
    }
  /** A POST by hand. */
  | { readonly post: string; readonly body: string; readonly cookies?: boolean }
  /** Go on in another tab, which begins where this one is. */
  | { readonly tab: number };

/**
 * What the proxy does on purpose that PHP does not, with the paragraph of PHP's behaviour that it leaves.
 * - location-marked: redirects carry the SID [PHP 18.1].
 * - clean-redirect: a client that sends its cookie is led to the clean URL by one 303 [PHP 10.8].
 * - no-cookie: a client that lives in URLs gets no Set-Cookie [PHP 16.1, 10.9].
 * - two-ids: two different SIDs in the address are refused with 400 [PHP 10.3].
 * - form-id: of one in the address and one in the form, PHP takes the first; here the form's counts, which is as new as its page.
 * - bad-id: an id that PHP's session handler cannot take makes a new session, not a warning at each click [PHP 11.3].
 */
export type Difference = 'location-marked' | 'clean-redirect' | 'no-cookie' | 'two-ids' | 'form-id' | 'bad-id';

export interface Journey {
  readonly name: string;
  /** PHP's settings beyond those of the two servers, for both. */
  readonly ini?: 'strict';
  /** Does the client send cookies, unless a step says otherwise? */
  readonly cookies: boolean;
  readonly steps: readonly Step[];
  /** Number of the step (from 0) → the differences that it shows. */
  readonly differs?: Readonly<Record<number, readonly Difference[]>>;
}

const home = { get: '/index.php' };

export const JOURNEYS: readonly Journey[] = [
  // ---- a client that refuses cookies
  {
    name: 'a counter over ten pages',
    cookies: false,
    steps: [home, ...Array.from({ length: 10 }, () => ({ click: 'home' }))],
  },
  {
    name: 'links of every spelling',
    cookies: false,
    steps: [home, { click: 'query' }, { click: 'dot' }, { click: 'self' }, { click: 'query' }, { click: 'self' }],
  },
  {
    name: 'a search by GET form',
    cookies: false,
    steps: [home, { submit: 'search', fields: { q: 'tea & cake' } }, { click: 'home' }],
  },
  {
    name: 'a login by POST form',
    cookies: false,
    steps: [home, { submit: 'login', fields: { user: 'ada' } }, { click: 'home' }, { click: 'query' }],
  },
  {
    name: 'a POST form whose action has a query',
    cookies: false,
    steps: [home, { submit: 'plain', fields: { user: 'ada=&b' } }, { click: 'home' }],
  },
  { name: 'an upload', cookies: false, steps: [home, { submit: 'upload', fileBytes: 1000 }, { click: 'home' }] },
  {
    name: 'an upload larger than what is read ahead',
    cookies: false,
    steps: [home, { submit: 'upload', fileBytes: 1_500_000 }, { click: 'home' }],
  },
  {
    name: 'a page in a frame',
    cookies: false,
    steps: [home, { get: '/frame.php?PHPSESSID={sid}' }, { click: 'home' }],
  },
  {
    name: 'logout',
    cookies: false,
    steps: [
      home,
      { submit: 'login', fields: { user: 'ada' } },
      { click: 'logout' },
      { click: 'home' },
      { click: 'home' },
    ],
  },
  {
    name: 'a new ID in the middle',
    cookies: false,
    steps: [
      home,
      { submit: 'login', fields: { user: 'ada' } },
      { click: 'renew' },
      { click: 'home' },
      { click: 'home' },
    ],
    differs: { 2: ['no-cookie'] },
  },
  {
    name: 'the old ID after the new one',
    cookies: false,
    steps: [home, { click: 'renew' }, { click: 'home' }, { get: '/index.php?PHPSESSID={first}' }, { click: 'home' }],
    differs: { 1: ['no-cookie'] },
  },
  {
    name: 'a redirect',
    cookies: false,
    steps: [home, { get: '/redirect.php?PHPSESSID={sid}' }, { get: '/index.php?PHPSESSID={first}' }],
    differs: { 1: ['location-marked'] },
  },
  {
    name: 'a redirect as the first page',
    cookies: false,
    steps: [{ get: '/redirect.php' }],
    differs: { 0: ['location-marked'] },
  },
  { name: "the application's other cookie", cookies: false, steps: [home, { click: 'theme' }, { click: 'home' }] },
  { name: 'an error page', cookies: false, steps: [home, { get: '/missing.php?PHPSESSID={sid}' }, { click: 'home' }] },
  { name: 'data, not a page', cookies: false, steps: [home, { get: '/data.php?PHPSESSID={sid}' }, { click: 'home' }] },
  { name: 'data as the first answer', cookies: false, steps: [{ get: '/data.php' }, home] },
  {
    name: 'an address typed in without the ID',
    cookies: false,
    steps: [home, { click: 'home' }, home, { click: 'home' }],
  },
  {
    name: 'a bookmark with the ID',
    cookies: false,
    steps: [home, { click: 'home' }, { get: '/index.php?PHPSESSID={first}' }],
  },
  // ---- IDs that come in other ways
  {
    name: 'the ID in a POST body by hand',
    cookies: false,
    steps: [home, { post: '/login.php', body: 'user=bob&PHPSESSID={sid}' }, { click: 'home' }],
  },
  {
    name: 'the ID first in a POST body',
    cookies: false,
    steps: [home, { post: '/login.php', body: 'PHPSESSID={sid}&user=bob' }, { click: 'home' }],
  },
  {
    name: 'the ID in query and body',
    cookies: false,
    steps: [home, { post: '/login.php?PHPSESSID={sid}', body: 'PHPSESSID={sid}&user=bob' }, { click: 'home' }],
  },
  {
    name: 'the ID twice, the same',
    cookies: false,
    steps: [home, { get: '/index.php?PHPSESSID={sid}&a=1&PHPSESSID={sid}' }],
  },
  {
    name: 'the ID twice, different',
    cookies: false,
    steps: [home, { get: '/index.php?PHPSESSID={forged}&PHPSESSID={sid}' }],
    differs: { 1: ['two-ids'] },
  },
  {
    name: 'different IDs in query and body',
    cookies: false,
    steps: [home, { post: '/login.php?PHPSESSID={forged}', body: 'PHPSESSID={sid}&user=x' }],
    differs: { 1: ['form-id'] },
  },
  { name: 'an empty ID', cookies: false, steps: [{ get: '/index.php?PHPSESSID=' }, { click: 'home' }] },
  { name: 'an ID as an array', cookies: false, steps: [{ get: '/index.php?PHPSESSID[]={forged}' }, { click: 'home' }] },
  {
    name: 'an ID in the middle of a query',
    cookies: false,
    steps: [home, { get: '/search.php?a=1&PHPSESSID={sid}&q=x' }],
  },
  { name: 'the name in another case', cookies: false, steps: [home, { get: '/index.php?phpsessid={sid}' }] },
  {
    name: 'the name percent-encoded',
    cookies: false,
    steps: [home, { get: '/index.php?%50HPSESSID={sid}' }, { click: 'home' }],
  },
  // ---- IDs that nobody gave out
  {
    name: 'a forged ID of the right form',
    cookies: false,
    steps: [{ get: '/index.php?PHPSESSID={forged}' }, { click: 'home' }],
  },
  {
    name: 'a forged ID, strict',
    ini: 'strict',
    cookies: false,
    steps: [{ get: '/index.php?PHPSESSID={forged}' }, { click: 'home' }],
    differs: { 0: ['no-cookie'] },
  },
  {
    name: 'a forged ID with markup',
    cookies: false,
    steps: [{ get: '/index.php?PHPSESSID=%3Cscript%3E' }, { click: 'home' }],
  },
  { name: 'a forged ID with a quote', cookies: false, steps: [{ get: "/index.php?PHPSESSID=a'b" }, { click: 'home' }] },
  {
    name: 'a forged ID with a line end',
    cookies: false,
    steps: [{ get: '/index.php?PHPSESSID=a%0d%0ab' }, { click: 'home' }],
  },
  {
    name: 'an ID with an underscore',
    cookies: false,
    steps: [{ get: '/index.php?PHPSESSID=a_b' }],
    differs: { 0: ['bad-id'] },
  },
  {
    name: 'an ID of 300 characters',
    cookies: false,
    steps: [{ get: `/index.php?PHPSESSID=${'a'.repeat(300)}` }],
    differs: { 0: ['bad-id'] },
  },
  // ---- a client that takes cookies
  {
    name: 'cookies on, ten pages',
    cookies: true,
    steps: [home, ...Array.from({ length: 10 }, () => ({ click: 'home' }))],
    differs: { 1: ['clean-redirect'] },
  },
  {
    name: 'cookies on, login and logout',
    cookies: true,
    steps: [
      home,
      { submit: 'login', fields: { user: 'ada' } },
      { click: 'home' },
      { click: 'renew' },
      { click: 'logout' },
      { click: 'home' },
    ],
  },
  { name: 'cookies on, redirect', cookies: true, steps: [home, { get: '/redirect.php' }, home] },
  {
    name: 'cookies on, other cookies too',
    cookies: true,
    steps: [home, { get: '/theme.php' }, home, { click: 'home' }],
  },
  {
    name: 'cookies on, upload',
    cookies: true,
    steps: [home, { get: '/index.php' }, { submit: 'upload', fileBytes: 5000 }, { click: 'home' }],
  },
  {
    name: "cookies on, and another's ID in the URL",
    cookies: true,
    steps: [home, { get: '/index.php?PHPSESSID={forged}' }],
    differs: { 1: ['clean-redirect'] },
  },
  {
    name: 'cookies on, and an ID in the body',
    cookies: true,
    steps: [home, { post: '/login.php', body: 'user=x&PHPSESSID={forged}' }, { click: 'home' }],
  },
  {
    name: 'cookies on, strict',
    ini: 'strict',
    cookies: true,
    steps: [home, { get: '/index.php' }, { click: 'renew' }, { click: 'home' }],
  },
  // ---- a client that changes its mind
  {
    name: 'cookies off, then on',
    cookies: false,
    steps: [home, { click: 'home' }, { click: 'home', cookies: true }, { click: 'home', cookies: true }],
    differs: { 2: ['clean-redirect'] },
  },
  {
    name: 'cookies on, then off',
    cookies: true,
    steps: [home, { get: '/index.php' }, { click: 'home', cookies: false }, { click: 'home', cookies: false }],
  },
  {
    name: 'off, on, off again',
    cookies: false,
    steps: [home, { click: 'home' }, { get: '/index.php', cookies: true }, { click: 'home' }, { click: 'home' }],
  },
  // ---- two tabs
  {
    name: 'two tabs of one session',
    cookies: false,
    steps: [
      home,
      { tab: 1 },
      { click: 'home' },
      { tab: 0 },
      { submit: 'login', fields: { user: 'ada' } },
      { tab: 1 },
      { click: 'query' },
    ],
  },
  {
    name: 'two tabs, one gets a new ID',
    cookies: false,
    steps: [home, { tab: 1 }, { click: 'renew' }, { tab: 0 }, { click: 'home' }, { tab: 1 }, { click: 'home' }],
    differs: { 2: ['no-cookie'] },
  },
];

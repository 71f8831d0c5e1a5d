/**
 * A small legacy shop, to see transid work with one command and to test it against: login, cart, search, checkout,
 * frames, logout. Sessions live in a cookie and nowhere else, so without the proxy a client that refuses cookies is a
 * new guest on every page. Node's http only; it knows nothing of transid.
 *
 * A demonstration, not an example of how to build a shop: one password for all, everything in memory.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { price, productAt } from './catalogue.ts';
import { escapeHtml, renderPage } from './html.ts';
import * as pages from './pages.ts';
import { addToCart, VISIT_COOKIE, type Visit, VisitTable } from './visits.ts';

const MAX_BODY_BYTES = 64 * 1024;
const PASSWORD = 'tea';
const PAST = 'Thu, 01 Jan 1970 00:00:00 GMT';
const THEMES: ReadonlyMap<string, string> = new Map([
  ['white', '#FFFFFF'],
  ['green', '#EEFFEE'],
]);
/** 1 × 1 pixel, transparent. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const CSS = 'H1 { font-family: serif }\nTD { vertical-align: top }\n';
const CONTACT = `<HTML><HEAD><TITLE>Contact</TITLE><BASE HREF="/about/"></HEAD><BODY>
<H1>Contact</H1><P>Ye Olde Shoppe, 1 Market Square. <A HREF=../catalogue.cgi>To the catalogue</A>, <A HREF=/>home</A>.</P>
</BODY></HTML>
`;
const GOODBYE = `<HTML><HEAD><TITLE>Goodbye</TITLE></HEAD><BODY>
<H1>Goodbye</H1><P>You are logged out. <A HREF=/>Home</A></P>
</BODY></HTML>
`;
/** What needs no visit and sets no cookie. */
const STATIC: ReadonlyMap<string, Reply> = new Map([
  ['/shop.css', { status: 200, type: 'text/css', body: CSS, cacheControl: 'max-age=3600' }],
  ['/plan.gif', { status: 200, type: 'image/gif', body: PIXEL, cacheControl: 'max-age=3600' }],
  ['/favicon.ico', { status: 200, type: 'image/gif', body: PIXEL, cacheControl: 'max-age=3600' }],
  ['/contact.html', { status: 200, type: 'text/html; charset=utf-8', body: CONTACT, cacheControl: 'max-age=3600' }],
  ['/goodbye.html', { status: 200, type: 'text/html; charset=utf-8', body: GOODBYE, cacheControl: 'no-cache' }],
]);

export interface ShopOptions {
  /** Size of the catalogue, each product with a page of its own; 1,200 when not given. */
  readonly products?: number;
}

/** The shop as a server that does not listen yet. Two shops share nothing. */
export function createShop(options: ShopOptions = {}): Server {
  const shop: Shop = { products: options.products ?? 1200, visits: new VisitTable() };
  return createServer((request, response) => {
    reply(shop, request).then(
      (made) => send(response, made),
      () => response.destroy(), // The visitor left in the middle of the body.
    );
  });
}

interface Shop {
  readonly products: number;
  readonly visits: VisitTable;
}

/** One answer, made whole before any of it is sent. */
interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly location?: string;
  readonly cacheControl?: string;
  readonly cookies?: readonly string[];
}

/** One request of a visitor, read whole. */
interface Call {
  readonly shop: Shop;
  readonly method: string;
  readonly url: URL;
  readonly form: URLSearchParams;
  readonly visit: Visit;
  readonly background: string;
  /** Cookies that the answer sets; a later one of the same name replaces an earlier one. */
  readonly cookies: Map<string, string>;
}

async function reply(shop: Shop, request: IncomingMessage): Promise<Reply> {
  const method = request.method ?? 'GET';
  if (!['GET', 'HEAD', 'POST'].includes(method)) return text(405, 'The shop does not know this method.\n');
  const body = await readBody(request);
  if (body === null) return text(413, 'This is too much.\n');
  const url = siteUrl(request);
  if (url === null) return text(400, 'What is this?\n');
  const fixed = STATIC.get(url.pathname);
  if (fixed !== undefined) return fixed;

  const cookies = new Map<string, string>();
  let visit = shop.visits.find(request.headers.cookie);
  if (visit === null) {
    visit = shop.visits.start();
    cookies.set(VISIT_COOKIE, `${visit.id}; Path=/; HttpOnly`);
  }
  visit.pages += 1;
  const theme = chooseTheme(url.searchParams.get('theme'), request.headers.cookie, cookies);
  const background = THEMES.get(theme) ?? '#FFFFFF';
  const made = answer({ shop, method, url, form: new URLSearchParams(body), visit, background, cookies });
  return { ...made, cookies: [...cookies].map(([name, rest]) => `${name}=${rest}`) };
}

/** Null when the body is larger than the shop takes. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString('utf8') : null;
}

/** The request target under the host that the visitor named; the host goes into links, so it must look like one. */
function siteUrl(request: IncomingMessage): URL | null {
  const host = request.headers.host ?? '';
  const target = request.url ?? '/';
  if (!/^[\w.:[\]-]+$/.test(host) || !target.startsWith('/')) return null;
  const base = `http://${host}`;
  return URL.canParse(`${base}${target}`) ? new URL(`${base}${target}`) : null;
}

/** The visitor's theme: a second cookie, which outlives the visit. */
function chooseTheme(wanted: string | null, cookieField: string | undefined, cookies: Map<string, string>): string {
  if (wanted !== null && THEMES.has(wanted)) {
    cookies.set('THEME', `${wanted}; Path=/; Max-Age=31536000`);
    return wanted;
  }
  return /(?:^|;\s*)THEME=(\w+)/.exec(cookieField ?? '')?.[1] ?? 'white';
}

function answer(call: Call): Reply {
  const { shop, url, visit } = call;
  const input: pages.PageInput = { visit, query: url.searchParams, origin: url.origin, products: shop.products };
  const goods = /^\/goods\/(\d{1,9})\.html$/.exec(url.pathname)?.[1];
  if (goods !== undefined) return show(call, pages.productPage(input, Number(goods)));
  switch (url.pathname) {
    case '/':
      return show(call, pages.homePage(input));
    case '/catalogue.cgi':
      return show(call, pages.cataloguePage(input));
    case '/search.cgi':
      return show(call, pages.searchPage(input));
    case '/product.cgi':
      return show(call, pages.productPage(input, Number(url.searchParams.get('id') ?? '0')));
    case '/specials.cgi':
      return redirect(`${url.origin}/product.cgi?id=7&from=specials`);
    case '/news.html':
      return show(call, pages.newsPage());
    case '/frames.cgi':
      return html(200, pages.framesetPage());
    case '/menu.cgi':
      return show(call, pages.menuPage(input));
    case '/hint.cgi':
      return show(call, pages.hintPage(input));
    case '/cart.cgi':
      return cart(call, input);
    case '/checkout.cgi':
      return checkout(call, input);
    case '/login.cgi':
      return logIn(call, input);
    case '/account.cgi':
      return visit.user === null ? redirect('login.cgi?to=/account.cgi') : show(call, pages.accountPage(input));
    case '/logout.cgi':
      shop.visits.end(visit);
      call.cookies.set(VISIT_COOKIE, `; Path=/; Expires=${PAST}; HttpOnly`);
      return redirect('/goodbye.html');
    default:
      return show(call, null);
  }
}

function cart(call: Call, input: pages.PageInput): Reply {
  const { method, form, url, visit } = call;
  if (method === 'POST') {
    const product = productAt(Number(form.get('id')), call.shop.products);
    const pieces = Number(form.get('n') ?? '1');
    if (product !== null && Number.isInteger(pieces) && pieces > 0) addToCart(visit, product.id, pieces);
    return redirect(url.searchParams.get('then') === 'checkout' ? '/checkout.cgi' : '/cart.cgi');
  }
  const removed = Number(url.searchParams.get('remove') ?? '0');
  if (removed > 0) {
    addToCart(visit, removed, -1);
    return redirect('?');
  }
  return show(call, pages.cartPage(input));
}

function checkout(call: Call, input: pages.PageInput): Reply {
  const { method, form, url, visit } = call;
  if (visit.user === null) return redirect('/login.cgi?to=/checkout.cgi');
  if (visit.cart.size === 0) return redirect('cart.cgi');
  if (method !== 'POST') return show(call, pages.checkoutPage(input));
  const address = form.get('address');
  if (address !== null) {
    visit.address = address.slice(0, 200);
    return redirect('checkout.cgi');
  }
  if (url.searchParams.get('step') === 'back' || form.get('confirm') !== 'yes') {
    visit.address = null;
    return redirect('checkout.cgi');
  }
  const orderNumber = orderNumberOf(call);
  visit.cart.clear();
  visit.address = null;
  return show(call, pages.thanksPage(orderNumber));
}

/** Made of what was bought, so that the same purchase shows the same page on every run. */
function orderNumberOf({ visit, shop }: Call): string {
  let sumCents = 0;
  for (const [id, pieces] of visit.cart) sumCents += (productAt(id, shop.products)?.priceCents ?? 0) * pieces;
  return `${[...visit.cart.keys()].join('-')}/${price(sumCents)}`;
}

function logIn(call: Call, input: pages.PageInput): Reply {
  const { method, form, shop, visit, cookies } = call;
  if (method !== 'POST') return show(call, pages.loginPage(input, false));
  const user = (form.get('user') ?? '').trim().slice(0, 40);
  if (user === '' || form.get('password') !== PASSWORD) return show(call, pages.loginPage(input, true));
  visit.user = user;
  cookies.set(VISIT_COOKIE, `${shop.visits.renew(visit).id}; Path=/; HttpOnly`);
  const to = form.get('to') ?? '';
  return redirect(/^\/[a-z]+\.cgi$/.test(to) ? to : 'account.cgi');
}

/** Null: there is no such page. */
function show(call: Call, content: pages.PageContent | null): Reply {
  const { title, body, head, status } = content ?? {
    title: 'Not found',
    body: `<P>There is no ${escapeHtml(call.url.pathname)} here. <A HREF=/>Home</A></P>`,
    status: 404,
  };
  let cartPieces = 0;
  for (const pieces of call.visit.cart.values()) cartPieces += pieces;
  const { user, pages: seen } = call.visit;
  const frame = { title, body, head: head ?? '', user, pages: seen, cartPieces, background: call.background };
  return html(status ?? 200, renderPage(frame));
}

function html(status: number, body: string): Reply {
  return { status, type: 'text/html; charset=utf-8', body };
}

function text(status: number, body: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', body };
}

function redirect(location: string): Reply {
  return { ...html(302, `<A HREF="${escapeHtml(location)}">Go on</A>\n`), location };
}

function send(response: ServerResponse, { status, type, body, location, cacheControl, cookies }: Reply): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  for (const cookie of cookies ?? []) response.appendHeader('Set-Cookie', cookie);
  if (location !== undefined) response.setHeader('Location', location);
  if (status === 405) response.setHeader('Allow', 'GET, HEAD, POST');
  response.setHeader('Cache-Control', cacheControl ?? 'no-cache');
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': bytes.length });
  response.end(bytes);
}

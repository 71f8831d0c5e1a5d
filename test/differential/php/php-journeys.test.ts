/**
 * PHP 9 behind the proxy is PHP 8 with trans-sid: the same application runs twice in real PHP, (1) with
 * session.use_trans_sid served directly and (2) with cookies only, as PHP 9 will have it, behind the proxy in mirror mode
 * with `rewriter: php`. Each scripted client gets the same statuses, the same pages with the same session contents and the
 * same cookies from both, step by step, but for what `journeys.ts` names. A named difference that is gone fails too.
 */

import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type PhpServer, startPhpServer } from '../../support/php-server.ts';
import { startConfigured, type TestProxy } from '../../support/proxy.ts';
import { type Difference, JOURNEYS, type Journey, type Step } from './journeys.ts';

const root = fileURLToPath(new URL('../../apps/php-trans-sid', import.meta.url));
const transSid = {
  'session.use_cookies': '1',
  'session.use_only_cookies': '0',
  'session.use_trans_sid': '1',
  'session.trans_sid_tags': '"a=href,area=href,frame=src,iframe=src,form="',
};
const cookiesOnly = { 'session.use_cookies': '1', 'session.use_only_cookies': '1', 'session.use_trans_sid': '0' };

/** What one step gave, with ids replaced by letters in the order in which the client met them. */
interface Seen {
  status: number;
  location: string | null;
  /** The session cookie that was set; null for none. */
  cookie: string | null;
  otherCookies: string[];
  body: string;
  /** A 303 of the proxy to the clean URL was followed on the way. */
  wasRedirected: boolean;
}

interface Answer {
  status: number;
  location: string | null;
  setCookies: string[];
  body: string;
}

describe('journeys: PHP with trans-sid, and PHP with cookies only behind the proxy [needs php]', () => {
  const servers: PhpServer[] = [];
  const proxies: TestProxy[] = [];
  /** By `ini`: the port of the direct one and of the proxy. */
  const ports = new Map<string, { direct: number; proxied: number }>();

  before(async function () {
    this.timeout(30_000);
    for (const [key, ini] of [
      ['', {}],
      ['strict', { 'session.use_strict_mode': '1' }],
    ] as const) {
      const direct = await startPhpServer({ root, ini: { ...transSid, ...ini } });
      const upstream = await startPhpServer({ root, ini: { ...cookiesOnly, ...ini } });
      const proxy = await startConfigured(`listen: 127.0.0.1:0
upstream: ${upstream.origin}
log: { level: error }
session: { mode: mirror, cookie: PHPSESSID, name: PHPSESSID }
routes:
  - { path: /**, use_trans_sid: true, rewriter: php, forms: field, trans_sid_tags: "a=href,area=href,frame=src,iframe=src,form=" }
`);
      servers.push(direct, upstream);
      proxies.push(proxy);
      ports.set(key, { direct: direct.port, proxied: proxy.port });
    }
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    for (const server of servers) await server.stop();
  });

  it('has at least forty of them', () => expect(JOURNEYS.length).to.be.at.least(40));

  for (const journey of JOURNEYS) {
    it(journey.name, async () => {
      const { direct, proxied } = ports.get(journey.ini ?? '')!; // Both keys are set above.
      const php = await new Walker(direct).walk(journey);
      const ours = await new Walker(proxied).walk(journey);
      for (const [step, expected] of php.entries()) {
        const got = ours[step]!; // Both walked the same steps.
        const differs = journey.differs?.[step] ?? [];
        const where = `step ${step} ${JSON.stringify(journey.steps[step])}`;
        if (differs.length > 0) expect(got, `${where}: a named difference is gone`).not.to.deep.equal(expected);
        const [left, right] = differs.reduce(adapt, [expected, got] as const);
        expect(right, where).to.deep.equal(left);
      }
    });
  }
});

/** Take a difference that is meant off both sides; what remains must be equal. */
function adapt([php, ours]: readonly [Seen, Seen], difference: Difference): readonly [Seen, Seen] {
  switch (difference) {
    case 'location-marked':
      expect(ours.location).to.match(/[?&]PHPSESSID=[A-Z]$/);
      expect(php.location).not.to.contain('PHPSESSID');
      return [php, { ...ours, location: ours.location?.replace(/[?&]PHPSESSID=[A-Z]$/, '') ?? null }];
    case 'clean-redirect':
      expect(ours.wasRedirected).to.equal(true);
      return [php, { ...ours, wasRedirected: false }];
    case 'no-cookie':
      expect(ours.cookie).to.equal(null);
      expect(php.cookie).not.to.equal(null);
      return [{ ...php, cookie: null }, ours];
    case 'two-ids':
      expect(ours.status).to.equal(400);
      expect(ours.body).not.to.match(/session \{/);
      return [php, php];
    case 'form-id':
      expect(php.body).to.contain('{&quot;n&quot;:1,').and.to.contain('PHPSESSID=B');
      expect(ours.status).to.equal(200);
      expect(ours.body).to.contain('{&quot;n&quot;:2,').and.to.contain('PHPSESSID=A');
      return [php, php];
    case 'bad-id':
      // PHP could not start the session; here the client gets a new one, as if it had brought none.
      expect(php.body).to.contain('session_start(): Failed');
      expect(ours).to.include({ status: 200, cookie: 'A' });
      expect(ours.body).to.contain('session {&quot;n&quot;:1}').and.to.contain('PHPSESSID=A');
      return [php, php];
  }
}

/** A client with tabs and one cookie store, which does what it is told. */
class Walker {
  readonly #port: number;
  readonly #letters = new Map<string, string>();
  readonly #cookies = new Map<string, string>();
  readonly #pages: string[] = [''];
  #tab = 0;
  #forged = '';
  #firstSid = '';
  #lastSid = '';

  constructor(port: number) {
    this.#port = port;
  }

  async walk(journey: Journey): Promise<Seen[]> {
    const seen: Seen[] = [];
    this.#forged = createHash('md5').update(journey.name).digest('hex');
    for (const step of journey.steps) {
      if ('tab' in step) {
        this.#pages[step.tab] ??= this.#pages[this.#tab] ?? '';
        this.#tab = step.tab;
        seen.push({ status: 0, location: null, cookie: null, otherCookies: [], body: '', wasRedirected: false });
      } else seen.push(await this.#step(step, step.cookies ?? journey.cookies));
    }
    return seen;
  }

  async #step(step: Exclude<Step, { tab: number }>, cookies: boolean): Promise<Seen> {
    const { method, target, body, contentType } = this.#plan(step);
    let answer = await this.#send(method, target, body, contentType, cookies);
    let wasRedirected = false;
    if (answer.status === 303 && answer.location?.startsWith(`http://127.0.0.1:${this.#port}/`)) {
      expect(answer.location, 'the clean URL').not.to.contain('PHPSESSID');
      wasRedirected = true;
      answer = await this.#send(
        'GET',
        answer.location.slice(`http://127.0.0.1:${this.#port}`.length),
        null,
        null,
        cookies,
      );
    }
    this.#learn(answer);
    const named = (name: string) => answer.setCookies.filter((value) => value.startsWith(`${name}=`));
    const [sessionCookie] = named('PHPSESSID');
    return {
      status: answer.status,
      location: answer.location === null ? null : this.#normal(answer.location),
      cookie:
        sessionCookie === undefined ? null : this.#normal(sessionCookie.slice('PHPSESSID='.length).split(';')[0] ?? ''),
      otherCookies: answer.setCookies.filter((value) => !value.startsWith('PHPSESSID=')),
      body: this.#normal(answer.body),
      wasRedirected,
    };
  }

  #plan(step: Exclude<Step, { tab: number }>): {
    method: string;
    target: string;
    body: Buffer | null;
    contentType: string | null;
  } {
    const page = this.#pages[this.#tab] ?? '';
    if ('get' in step) return { method: 'GET', target: this.#fill(step.get), body: null, contentType: null };
    if ('post' in step) {
      const body = Buffer.from(this.#fill(step.body));
      return { method: 'POST', target: this.#fill(step.post), body, contentType: 'application/x-www-form-urlencoded' };
    }
    if ('click' in step)
      return { method: 'GET', target: resolve(linkOf(page, step.click)), body: null, contentType: null };
    const form = formOf(page, step.submit);
    const fields: [string, string][] = [...form.hidden, ...Object.entries(step.fields ?? {})];
    if (form.method === 'GET') {
      return {
        method: 'GET',
        target: `${resolve(form.action).split('?')[0]}?${new URLSearchParams(fields)}`,
        body: null,
        contentType: null,
      };
    }
    const target = resolve(form.action);
    if (step.fileBytes === undefined) {
      return {
        method: 'POST',
        target,
        body: Buffer.from(`${new URLSearchParams(fields)}`),
        contentType: 'application/x-www-form-urlencoded',
      };
    }
    const body = multipart(fields, Buffer.alloc(step.fileBytes, 'file '));
    return { method: 'POST', target, body, contentType: 'multipart/form-data; boundary=XyZ' };
  }

  #fill(text: string): string {
    return text
      .replaceAll('{sid}', this.#lastSid)
      .replaceAll('{first}', this.#firstSid)
      .replaceAll('{forged}', this.#forged);
  }

  #send(
    method: string,
    target: string,
    body: Buffer | null,
    contentType: string | null,
    cookies: boolean,
  ): Promise<Answer> {
    const headers: Record<string, string | number> = {
      host: `127.0.0.1:${this.#port}`,
      'user-agent': 'Mozilla/5.0 (journey)',
      accept: 'text/html',
    };
    if (cookies && this.#cookies.size > 0)
      headers['cookie'] = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    if (body !== null && contentType !== null)
      Object.assign(headers, { 'content-type': contentType, 'content-length': body.length });
    return new Promise((done, fail) => {
      const sent = request(
        { host: '127.0.0.1', port: this.#port, method, path: target, headers, agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', fail).on('end', () => {
            done({
              status: response.statusCode ?? 0,
              location: response.headers.location ?? null,
              setCookies: response.headers['set-cookie'] ?? [],
              body: text,
            });
          });
        },
      );
      sent.on('error', fail).end(body ?? undefined);
    });
  }

  #learn(answer: Answer): void {
    for (const value of answer.setCookies) {
      const [, name = '', content = ''] = /^([^=]+)=([^;]*)/.exec(value) ?? [];
      this.#cookies.set(name, content);
    }
    if (answer.body.includes('<a href')) this.#pages[this.#tab] = answer.body;
    const sid =
      /PHPSESSID=([0-9a-zA-Z,-]+)/.exec(answer.body)?.[1] ??
      /PHPSESSID=([0-9a-zA-Z,-]+)/.exec(answer.location ?? '')?.[1];
    if (sid === undefined) return;
    this.#lastSid = sid;
    if (this.#firstSid === '') this.#firstSid = sid;
  }

  /** Ids become letters, in the order in which this client met them; ports vanish. */
  #normal(text: string): string {
    return text.replaceAll(`127.0.0.1:${this.#port}`, 'HOST').replace(/\b[0-9a-f]{32}\b/g, (id) => {
      const known = this.#letters.get(id);
      if (known !== undefined) return known;
      const letter = String.fromCharCode(65 + this.#letters.size);
      this.#letters.set(id, letter);
      return letter;
    });
  }
}

const decode = (text: string) => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&');

function linkOf(page: string, text: string): string {
  const link = new RegExp(`<a href=(?:"([^"]*)"|'([^']*)'|([^ >]*))>${text}</a>`).exec(page);
  if (link === null) throw new Error(`no link "${text}" on ${page}`);
  return decode(link[1] ?? link[2] ?? link[3] ?? '');
}

function formOf(page: string, name: string): { method: string; action: string; hidden: [string, string][] } {
  const [, attributes = '', content = ''] =
    new RegExp(`<form name="${name}"([^>]*)>(.*?)</form>`, 's').exec(page) ?? [];
  const hidden = [...content.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return {
    method: /method="post"/.test(attributes) ? 'POST' : 'GET',
    action: decode(/action="([^"]*)"/.exec(attributes)?.[1] ?? ''),
    hidden: hidden.map(([, key = '', value = '']) => [decode(key), decode(value)]),
  };
}

/** All pages lie in the root, and every reference in them is relative to it. */
function resolve(reference: string): string {
  const url = new URL(reference, 'http://x/index.php');
  return url.pathname + url.search;
}

function multipart(fields: readonly [string, string][], file: Buffer): Buffer {
  const parts = fields.map(
    ([name, value]) => `--XyZ\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head =
    '--XyZ\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n';
  return Buffer.concat([Buffer.from(parts.join('') + head), file, Buffer.from('\r\n--XyZ--\r\n')]);
}

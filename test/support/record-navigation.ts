/**
 * Records the fields with which headless Chromium asks for `/watched` in every scenario of
 * test/vectors/navigation/scenarios.json into chromium.json beside it.
 *
 *     node --import tsx test/support/record-navigation.ts [path of chromium]
 *
 * Two sites on one port: `127.0.0.1` (OWN) and `localhost` (FOREIGN). OWN sets three cookies with its page `/`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';

export interface Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface Scenario {
  readonly name: string;
  readonly page: string;
  /** `click`: on `#go`; `wait`: the page does it; the others tell the simulator, which runs no page, what would happen. */
  readonly do: 'click' | 'wait' | 'image' | 'script' | 'style' | 'fetch' | 'fetch-post' | 'go';
  readonly fields?: Readonly<Record<string, string>>;
  readonly pages?: Readonly<Record<string, Answer>>;
  /** Visited before: where the cookies come from. */
  readonly first?: string;
  /** Where the page stands; `/` on our own site when it is not given. */
  readonly at?: string;
}
export interface Watched {
  readonly method: string;
  readonly host: 'OWN' | 'FOREIGN';
  readonly fields: Readonly<Record<string, string>>;
}
export interface NavigationRecording {
  readonly browser: string;
  readonly watched: Readonly<Record<string, Watched>>;
}

export const SCENARIOS = new URL('../vectors/navigation/', import.meta.url);
const COOKIES = ['lax=1', 'strict=1; SameSite=Strict', 'none=1; SameSite=None; Secure'];
const KEPT_FIELDS =
  'accept cache-control content-type cookie origin referer sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-storage-access sec-fetch-user upgrade-insecure-requests'.split(
    ' ',
  );
const WAIT_MS = 5000;
const MAX_RECORDING_MS = 180_000;

/** The two sites, which serve one scenario at a time. */
export interface Stage {
  readonly own: string;
  /** Play `scenario`; `watched` is kept with the first request for `/watched`. */
  play(scenario: Scenario): { watched: Promise<Watched>; start: string; first: string | null };
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  let current: Scenario | null = null;
  let seen: (watched: Watched) => void = () => {};
  let port = 0;
  const spell = (text: string): string =>
    text.replaceAll('OWN', `http://127.0.0.1:${port}`).replaceAll('FOREIGN', `http://localhost:${port}`);
  const server: Server = createServer((request, response) => {
    request.resume();
    const isOwn = request.headers.host?.startsWith('127.') === true;
    const target = request.url ?? '';
    if (target === '/watched') {
      const kept: Record<string, string> = {};
      for (const name of KEPT_FIELDS) {
        const value = request.headers[name];
        if (typeof value === 'string')
          kept[name] = value.replace(`127.0.0.1:${port}`, 'OWN').replace(`localhost:${port}`, 'FOREIGN');
      }
      seen({ method: request.method ?? '', host: isOwn ? 'OWN' : 'FOREIGN', fields: kept });
      response.writeHead(200, { 'content-type': 'text/plain' }).end();
      return;
    }
    const answer = current?.pages?.[target];
    const place = current?.at ?? '/';
    const isPage = target === place.replace('FOREIGN', '') && isOwn === !place.startsWith('FOREIGN');
    const fields: Record<string, string | string[]> = { 'content-type': 'text/html' };
    for (const [name, value] of Object.entries({ ...(isPage ? current?.fields : {}), ...answer?.fields }))
      fields[name] = spell(value);
    if (isOwn && target === '/') fields['set-cookie'] = COOKIES;
    const body = answer?.body ?? (isPage ? `<!doctype html>${current?.page ?? ''}` : '');
    response.writeHead(answer?.status ?? (target === '/favicon.ico' ? 404 : 200), fields).end(spell(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  return {
    own: `http://127.0.0.1:${port}`,
    play(scenario) {
      current = scenario;
      const watched = new Promise<Watched>((resolve, reject) => {
        seen = resolve;
        setTimeout(() => reject(new Error(`${scenario.name}: /watched was not asked for`)), WAIT_MS).unref();
      });
      const place = scenario.at ?? '/';
      const start = place.startsWith('FOREIGN') ? spell(place) : `http://127.0.0.1:${port}${place}`;
      return {
        watched,
        start,
        first: scenario.first === undefined ? null : `http://127.0.0.1:${port}${scenario.first}`,
      };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function recordAll(browser: Browser, stage: Stage): Promise<Record<string, Watched>> {
  const scenarios = JSON.parse(await readFile(new URL('scenarios.json', SCENARIOS), 'utf8')) as Scenario[];
  const recorded: Record<string, Watched> = {};
  for (const scenario of scenarios) {
    const { watched, start, first } = stage.play(scenario);
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    if (first !== null) await page.goto(first, { waitUntil: 'domcontentloaded' });
    const arrival = page.goto(start, { waitUntil: 'domcontentloaded' }).catch(() => null);
    if (scenario.do === 'click') {
      await arrival;
      await page.click('#go');
    }
    recorded[scenario.name] = await watched;
    await arrival;
    await context.close();
  }
  return recorded;
}

if (process.argv[1] !== undefined && import.meta.url === new URL(process.argv[1], 'file:').href) {
  // A browser that does not start must not keep the terminal for ever.
  setTimeout(() => process.exit(1), MAX_RECORDING_MS).unref();
  const userDataDir = await mkdtemp(join(tmpdir(), 'record-navigation-'));
  const flags =
    '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
  const executablePath = process.argv[2] ?? '/usr/bin/chromium';
  const browser = await puppeteer.launch({ executablePath, headless: true, userDataDir, args: flags.split(' ') });
  const stage = await openStage();
  const watched = await recordAll(browser, stage);
  const recording: NavigationRecording = { browser: await browser.version(), watched };
  await writeFile(new URL('chromium.json', SCENARIOS), `${JSON.stringify(recording, null, 1)}\n`);
  process.stdout.write(`${Object.keys(watched).length} navigations by ${recording.browser}\n`);
  await browser.close();
  await stage.close();
  await rm(userDataDir, { recursive: true, force: true });
}

/**
 * Records what headless Chromium sends for every form of test/vectors/forms/cases.json into chromium.json beside it.
 *
 *     node --import tsx test/support/record-forms.ts [path of chromium]
 *
 * The browser is the authority: the simulator's bodies must equal these byte for byte (multipart boundary apart).
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Page } from 'puppeteer-core';

export interface FormFile {
  readonly name: string;
  readonly type: string;
  readonly content: string;
}
export interface FormCase {
  readonly name: string;
  /** Written in characters that UTF-8 and the page's charset share, or in character references. */
  readonly page: string;
  /** Of the page's Content-Type; utf-8 by default. */
  readonly charset?: string;
  readonly fill?: Readonly<Record<string, string | boolean | readonly string[] | FormFile>>;
  /** `#id` of the button that is clicked; without one the form is submitted by script. */
  readonly button?: string;
  readonly clickAt?: readonly [number, number];
}
export interface SentForm {
  readonly method: string;
  readonly target: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Each char is a byte; the multipart boundary reads BOUNDARY, here and in Content-Type. */
  readonly body: string;
}
export interface Recording {
  readonly browser: string;
  readonly sent: Readonly<Record<string, SentForm>>;
}

export const VECTORS = new URL('../vectors/forms/', import.meta.url);
/** Where every case's page stands: what an empty action means shows in the target. */
export const PAGE_TARGET = '/dir/page.html?of=page';
const MAX_RECORDING_MS = 180_000;
const KEPT_FIELDS = [
  'content-type',
  'origin',
  'referer',
  'cache-control',
  'sec-fetch-site',
  'sec-fetch-mode',
  'sec-fetch-user',
  'sec-fetch-dest',
];

/** The fields of a request that matter here, with the server's own origin as `http://origin`. */
export function keptFields(
  fields: Readonly<Record<string, string | string[] | undefined>>,
  origin: string,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT_FIELDS) {
    const value = fields[name];
    if (typeof value === 'string')
      kept[name] = value.replace(origin, 'http://origin').replace(/boundary=.*/, 'boundary=BOUNDARY');
  }
  return kept;
}

export function withoutBoundary(body: Buffer, contentType: string | undefined): string {
  const boundary = /boundary=(.*)/.exec(contentType ?? '')?.[1];
  const text = body.toString('latin1');
  return boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY');
}

async function record(executablePath: string): Promise<Recording> {
  const cases = JSON.parse(await readFile(new URL('cases.json', VECTORS), 'utf8')) as FormCase[];
  let current: FormCase = cases[0]!;
  let arrived: (sent: SentForm) => void = () => {};
  let origin = '';
  let isServed = false;
  const server = createServer((request, response) => {
    if (request.url === '/favicon.ico') return void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'GET' && request.url === PAGE_TARGET && !isServed) {
        isServed = true;
        response
          .writeHead(200, { 'content-type': `text/html; charset=${current.charset ?? 'utf-8'}` })
          .end(current.page);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title>done</title>');
      arrived({
        method: request.method ?? '',
        target: request.url ?? '',
        fields: keptFields(request.headers, origin),
        body: withoutBoundary(Buffer.concat(chunks), request.headers['content-type']),
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const userDataDir = await mkdtemp(join(tmpdir(), 'record-forms-'));
  const flags =
    '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
  const browser = await puppeteer.launch({ executablePath, headless: true, userDataDir, args: flags.split(' ') });
  try {
    const sent: Record<string, SentForm> = {};
    for (const each of cases) {
      current = each;
      isServed = false;
      const page = await browser.newPage();
      await page.goto(`${origin}${PAGE_TARGET}`);
      const answer = new Promise<SentForm>((resolve, reject) => {
        arrived = resolve;
        setTimeout(() => reject(new Error(`${each.name}: nothing was sent`)), 5000).unref();
      });
      await submit(page, each);
      sent[each.name] = await answer;
      // A tab that is closed while it goes to its next document stays open now and then (Chromium 156), and close() waits for ever.
      await page.waitForFunction("document.title === 'done'");
      await page.close();
    }
    return { browser: await browser.version(), sent };
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
    await rm(userDataDir, { recursive: true, force: true });
  }
}

async function submit(page: Page, each: FormCase): Promise<void> {
  // As text, since it runs in the browser: the project's own types know no document.
  await page.evaluate(`(${FILL})(${JSON.stringify(each.fill ?? {})})`);
  if (each.button === undefined) await page.evaluate('document.forms[0].submit()');
  else if (each.clickAt === undefined) await page.click(each.button);
  else {
    const place = (await page.evaluate(
      `(() => { const { x, y } = document.querySelector(${JSON.stringify(each.button)}).getBoundingClientRect(); return { x, y }; })()`,
    )) as { x: number; y: number };
    await page.mouse.click(Math.floor(place.x) + each.clickAt[0], Math.floor(place.y) + each.clickAt[1]);
  }
}

const FILL = `function fill(fields) {
  for (const [name, value] of Object.entries(fields)) {
    const controls = [...document.getElementsByName(name)];
    for (const control of controls) {
      if (control.type === 'file') {
        const transfer = new DataTransfer();
        transfer.items.add(new File([value.content], value.name, { type: value.type }));
        control.files = transfer.files;
      } else if (control.type === 'checkbox' || control.type === 'radio') {
        control.checked = value === true || [].concat(value).includes(control.value);
      } else if (control.tagName === 'SELECT') {
        for (const option of control.options) option.selected = [].concat(value).includes(option.value);
      } else control.value = value;
    }
  }
}`;

if (process.argv[1] !== undefined && import.meta.url === new URL(process.argv[1], 'file:').href) {
  // A browser that does not answer must not keep the terminal for ever.
  setTimeout(() => {
    process.stderr.write(`not all forms were sent within ${MAX_RECORDING_MS / 1000} s: nothing is recorded\n`);
    process.exit(1);
  }, MAX_RECORDING_MS).unref();
  const recording = await record(process.argv[2] ?? '/usr/bin/chromium');
  await writeFile(new URL('chromium.json', VECTORS), `${JSON.stringify(recording, null, 1)}\n`);
  process.stdout.write(`${Object.keys(recording.sent).length} forms by ${recording.browser}\n`);
}

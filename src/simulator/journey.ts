/**
 * A journey: steps that a person takes through a site, and what must be seen on the way. The same journey runs with any
 * kind of browser, so that two can be compared.
 */
import { readFile } from 'node:fs/promises';
import { basename, resolve as resolvePath } from 'node:path';
import { Browser, type BrowserOptions } from './browser.ts';
import type { Fields } from './controls.ts';
import { SimulatorError } from './fault.ts';
import type { CookieMode } from './jar.ts';
import type { LinkTarget } from './links.ts';
import { compileMarker } from './marker.ts';
import { sidNamesOf, withoutSid } from './sid.ts';
import type { Page } from './tab.ts';

export interface Expectation {
  /** Text that must be read on the page. */
  readonly text?: readonly string[];
  readonly noText?: readonly string[];
  readonly status?: number;
  /** The URL or its path, without SID; `*` stands for anything. */
  readonly url?: string;
  readonly selector?: readonly string[];
  readonly noSelector?: readonly string[];
  readonly title?: string;
}

export type Step =
  | { readonly action: 'open' | 'go'; readonly url: string }
  | { readonly action: 'follow'; readonly link: LinkTarget }
  | { readonly action: 'fill'; readonly fields: Fields }
  | { readonly action: 'submit'; readonly button: string | null; readonly form: string | null; readonly fields: Fields }
  /** Field name → path of a file, relative to the journey's own folder. */
  | { readonly action: 'upload'; readonly files: Readonly<Record<string, string>> }
  | { readonly action: 'expect'; readonly expectation: Expectation }
  | { readonly action: 'frame'; readonly name: string }
  | { readonly action: 'back' | 'forward' | 'reload' | 'restart' | 'top' };

export interface Journey {
  readonly name: string;
  /** Relative URLs of `open` are resolved against it; null when every `open` is absolute or the caller gives one. */
  readonly start: string | null;
  readonly steps: readonly Step[];
}

export interface StepReport {
  readonly number: number;
  readonly text: string;
  readonly outcome: 'passed' | 'failed' | 'not run';
  readonly error: string | null;
  /** Of the page after the step; null when there is none. */
  readonly url: string | null;
  readonly status: number | null;
  readonly title: string | null;
  /** Null when no marker is looked for. */
  readonly hasMarker: boolean | null;
  readonly durationMs: number;
}

export interface JourneyReport {
  readonly kind: 'journey';
  readonly name: string;
  readonly start: string | null;
  readonly cookies: CookieMode;
  readonly passed: boolean;
  readonly steps: readonly StepReport[];
  readonly durationMs: number;
}

export interface JourneyOptions {
  /** Base of relative URLs; goes before the journey's own `start`. */
  readonly start?: string;
  readonly browser?: BrowserOptions;
  /** Folder of the files to upload; the working directory by default. */
  readonly folder?: string;
  readonly marker?: string;
  /** Names of the parameter that carries the SID, looked for before the common ones. */
  readonly sidNames?: readonly string[];
}

/** Runs until the first step that fails; the rest is reported as not run. Network faults are failures, not throws. */
export async function runJourney(journey: Journey, options: JourneyOptions = {}): Promise<JourneyReport> {
  const startedAtMs = performance.now();
  const browser = new Browser(options.browser);
  try {
    const { steps } = await walkJourney(journey, browser, options);
    return {
      kind: 'journey',
      name: journey.name,
      start: options.start ?? journey.start,
      cookies: browser.cookies.mode,
      passed: steps.every((step) => step.outcome === 'passed'),
      steps,
      durationMs: Math.round(performance.now() - startedAtMs),
    };
  } finally {
    browser.close();
  }
}

/** The same in a browser that lives on: the page where the journey ended, null when it never opened one. */
export async function walkJourney(
  journey: Journey,
  browser: Browser,
  options: JourneyOptions,
): Promise<{ steps: StepReport[]; page: Page | null }> {
  const start = options.start ?? journey.start;
  const marker = options.marker === undefined ? null : compileMarker(options.marker);
  const steps: StepReport[] = [];
  let page: Page | null = null;
  let isFailed = false;
  for (const [index, step] of journey.steps.entries()) {
    const stepAtMs = performance.now();
    let error: string | null = null;
    try {
      if (!isFailed) page = await take(step, page, { browser, start, options });
    } catch (fault) {
      if (!(fault instanceof SimulatorError)) throw fault;
      error = fault.message;
    }
    steps.push({
      number: index + 1,
      text: stepText(step),
      outcome: isFailed ? 'not run' : error === null ? 'passed' : 'failed',
      error,
      ...(isFailed || page === null ? NOTHING_SHOWN : shown(page, marker, options)),
      durationMs: Math.round(performance.now() - stepAtMs),
    });
    isFailed ||= error !== null;
  }
  return { steps, page };
}

const NOTHING_SHOWN = { url: null, status: null, title: null, hasMarker: null } as const;

/** The step as one line for people. */
function stepText(step: Step): string {
  switch (step.action) {
    case 'open':
    case 'go':
      return `${step.action} ${step.url}`;
    case 'follow':
      return `follow ${typeof step.link === 'string' ? `'${step.link}'` : JSON.stringify(step.link)}`;
    case 'fill':
      return `fill ${Object.keys(step.fields).join(', ')}`;
    case 'submit':
      return `submit${step.button === null ? '' : ` '${step.button}'`}${step.form === null ? '' : ` of ${step.form}`}`;
    case 'upload':
      return `upload ${Object.values(step.files).join(', ')}`;
    case 'expect':
      return `expect ${Object.entries(step.expectation)
        .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
        .join(', ')}`;
    case 'frame':
      return `frame ${step.name}`;
    default:
      return step.action;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Travel {
  readonly browser: Browser;
  readonly start: string | null;
  readonly options: JourneyOptions;
}

async function take(step: Step, page: Page | null, travel: Travel): Promise<Page> {
  if (step.action === 'open') return await open(step.url, page, travel);
  if (page === null) throw new SimulatorError('NO_PAGE', 'no page is open: a journey begins with `open`');
  switch (step.action) {
    case 'go':
      return await page.go(step.url);
    case 'follow':
      return await page.follow(step.link);
    case 'fill':
      return page.fill(step.fields);
    case 'submit':
      return await page.submit(step.fields, {
        ...(step.button === null ? {} : { button: step.button }),
        ...(step.form === null ? {} : { form: step.form }),
      });
    case 'upload':
      for (const [field, path] of Object.entries(step.files))
        page.upload(field, await readUpload(path, travel.options.folder));
      return page;
    case 'expect':
      check(page, step.expectation, sidNamesOf(travel.options));
      return page;
    case 'frame':
      return page.top.frame(step.name);
    case 'top':
      return page.top;
    case 'restart':
      travel.browser.restart();
      return page;
    case 'back':
      return await page.back();
    case 'forward':
      return await page.forward();
    case 'reload':
      return await page.reload();
  }
}

async function open(reference: string, page: Page | null, travel: Travel): Promise<Page> {
  const base = page?.top.url ?? travel.start ?? undefined;
  // The first relative `open` starts from the start; later ones from where the journey is, as a person would edit the URL.
  const from = /^\//.test(reference) ? (travel.start ?? base) : base;
  if (!URL.canParse(reference, from))
    throw new SimulatorError('BAD_URL', `'${reference}' is no URL, and there is no start to resolve it against`);
  const url = new URL(reference, from).href;
  return page === null ? await travel.browser.open(url) : await page.top.open(url);
}

async function readUpload(path: string, folder: string | undefined) {
  try {
    return { name: basename(path), type: typeOf(path), content: await readFile(resolvePath(folder ?? '.', path)) };
  } catch (cause) {
    throw new SimulatorError('BAD_JOURNEY', `file '${path}' cannot be read`, { cause });
  }
}

/** What a browser says of common files; others are octets. */
const TYPES: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  html: 'text/html',
  csv: 'text/csv',
  json: 'application/json',
  pdf: 'application/pdf',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  zip: 'application/zip',
};

function typeOf(path: string): string {
  return TYPES[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ''] ?? 'application/octet-stream';
}

/** @throws SimulatorError EXPECTED with the first thing that is not as it should be. */
function check(page: Page, expectation: Expectation, sidNames: readonly string[]): void {
  const fail = (why: string): never => {
    throw new SimulatorError(
      'EXPECTED',
      `expected ${why}; the page is '${page.title}' (${page.status}) at ${withoutSid(page.url, sidNames)}`,
    );
  };
  const { status, url, title } = expectation;
  if (status !== undefined && page.status !== status) fail(`status ${status}`);
  if (url !== undefined && !fitsUrl(withoutSid(page.url, sidNames), url)) fail(`URL ${url}`);
  if (title !== undefined && !page.title.includes(title)) fail(`title '${title}'`);
  const text = page.text.replace(/\s+/g, ' ');
  for (const each of expectation.text ?? []) if (!text.includes(each)) fail(`text '${each}'`);
  for (const each of expectation.noText ?? []) if (text.includes(each)) fail(`no text '${each}'`);
  for (const each of expectation.selector ?? []) if (!page.has(each)) fail(`an element '${each}'`);
  for (const each of expectation.noSelector ?? []) if (page.has(each)) fail(`no element '${each}'`);
}

function fitsUrl(url: string, pattern: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('.*');
  const whole = new RegExp(`^${source}$`);
  const { pathname, search } = new URL(url);
  return whole.test(url) || whole.test(`${pathname}${search}`) || whole.test(pathname);
}

function shown(page: Page, marker: ((page: Page) => boolean) | null, options: JourneyOptions) {
  const url = withoutSid(page.url, sidNamesOf(options));
  return { url, status: page.status, title: page.title, hasMarker: marker === null ? null : marker(page) };
}

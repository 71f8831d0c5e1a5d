/** Where a crawl may go: each origin says so in a robots.txt of its own (RFC 9309 §2.3), which is asked for once. */
import type { Browser } from './browser.ts';
import { SimulatorError } from './fault.ts';
import { type MayVisit, parseRobots } from './robots.ts';
import { originOf } from './site.ts';

/** `obey` the robots.txt of each origin, `ignore` all, or rules in the same syntax for every origin. */
export type Robots = 'obey' | 'ignore' | { readonly rules: string };

export class Permission {
  readonly #browser: Browser;
  readonly #given: MayVisit | null;
  readonly #byOrigin = new Map<string, MayVisit>();

  constructor(browser: Browser, robots: Robots) {
    this.#browser = browser;
    this.#given = robots === 'obey' ? null : robots === 'ignore' ? () => true : parseRobots(robots.rules);
  }

  /** Before `mayVisit` of a URL: have the rules of its origin. */
  async learn(url: string): Promise<void> {
    const origin = originOf(url);
    if (this.#given !== null || this.#byOrigin.has(origin)) return;
    this.#byOrigin.set(origin, await this.#rulesOf(origin));
  }

  mayVisit(url: string): boolean {
    return (this.#given ?? this.#byOrigin.get(originOf(url)))?.(url) ?? true;
  }

  async #rulesOf(origin: string): Promise<MayVisit> {
    try {
      const file = await this.#browser.visit({ url: `${origin}/robots.txt`, cause: 'open', initiator: null });
      if (file.status === 200) return parseRobots(file.body.toString('utf8'));
    } catch (error) {
      if (!(error instanceof SimulatorError)) throw error;
    }
    // No file, no rules (RFC 9309 §2.3.1.3).
    return () => true;
  }
}

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
  readonly #maxOrigins: number;

  constructor(browser: Browser, robots: Robots, maxOrigins: number) {
    this.#browser = browser;
    this.#maxOrigins = maxOrigins;
    this.#given = robots === 'obey' ? null : robots === 'ignore' ? () => true : parseRobots(robots.rules);
  }

  /**
   * Before `mayVisit` of a URL: have the rules of its origin. False where they are those of one origin too many: a site may
   * have a host for each of its users, and rules against all.
   */
  async learn(url: string): Promise<boolean> {
    const origin = originOf(url);
    if (this.#given !== null || this.#byOrigin.has(origin)) return true;
    if (this.#byOrigin.size >= this.#maxOrigins) return false;
    this.#byOrigin.set(origin, await this.#rulesOf(origin));
    return true;
  }

  mayVisit(url: string): boolean {
    return (this.#given ?? this.#byOrigin.get(originOf(url)))?.(url) ?? true;
  }

  async #rulesOf(origin: string): Promise<MayVisit> {
    try {
      const file = await this.#browser.visit({ url: `${origin}/robots.txt`, cause: 'open', initiator: null });
      if (file.status === 200) return parseRobots(file.body.toString('utf8'));
      // There may be rules, and nobody can tell them (RFC 9309 §2.3.1.4).
      if (file.status >= 500) return () => false;
    } catch (error) {
      if (!(error instanceof SimulatorError)) throw error;
    }
    // No file, no rules (RFC 9309 §2.3.1.3).
    return () => true;
  }
}

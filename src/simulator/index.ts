/** The package's entry `transid/simulator`: a browser that refuses cookies, for tests of any web application. */
export { Browser, type BrowserOptions, DEFAULT_USER_AGENT } from './browser.ts';
export type { Fields, FieldValue } from './controls.ts';
export { type CrawlOptions, crawl } from './crawl.ts';
export type { CrawledEdge, CrawledPage, CrawlProgress, CrawlReport, LostEdge } from './crawl-report.ts';
export { SimulatorError, type SimulatorErrorCode } from './fault.ts';
export type { FileValue } from './form.ts';
export type { FormSummary } from './form-summary.ts';
export type { ConnectTo } from './http.ts';
export type { Cookie, CookieJar, CookieMode } from './jar.ts';
export {
  type Expectation,
  type Journey,
  type JourneyOptions,
  type JourneyReport,
  runJourney,
  type Step,
  type StepReport,
} from './journey.ts';
export { readJourney } from './journey-file.ts';
export { type LossReason, REASONS } from './judge.ts';
export type { LinkTarget } from './links.ts';
export { type LintItem, type LintReason, lintPage } from './lint.ts';
export type { Exchange, Hop, Initiator, Visit } from './navigate.ts';
export type { Link, ParsedPage } from './page.ts';
export type { Part, PartRequest } from './part.ts';
export type { Robots } from './permission.ts';
export type { ReferrerPolicy } from './referrer.ts';
export {
  type CompareReport,
  compare,
  formatJson,
  formatJunit,
  formatText,
  isClean,
  type LintReport,
  type Report,
} from './report.ts';
export { formatHtml } from './report-html.ts';
export { SID_NAMES } from './sid.ts';
export type { Page, SubmitChoice } from './tab.ts';
export type { Element } from './tree.ts';

/** Parts of a page: what is asked for one, and what comes. Pure. */
import type { Navigation, Snapshot } from './navigate.ts';

/** A part of a page, loaded as an element or a script of the page would load it. */
export interface PartRequest {
  /** `image` by default. */
  readonly as?: 'image' | 'script' | 'style' | 'fetch';
  /** For `fetch`; GET by default. */
  readonly method?: string;
  readonly body?: string;
  readonly contentType?: string;
}

export interface Part {
  readonly url: string;
  readonly status: number;
  readonly fields: Headers;
  readonly requestFields: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
  readonly redirects: Snapshot['redirects'];
}

/** What of a navigation is different for a part. */
export function partNavigation(
  part: PartRequest,
): Pick<Navigation, 'cause' | 'dest' | 'method' | 'body' | 'contentType'> {
  const { as = 'image', method = 'GET', body, contentType } = part;
  return {
    cause: 'part',
    dest: as === 'fetch' ? 'empty' : as,
    method: method.toUpperCase(),
    body: body === undefined ? null : Buffer.from(body),
    contentType: contentType ?? (body === undefined ? null : 'text/plain;charset=UTF-8'),
  };
}

export function partOf(snapshot: Snapshot): Part {
  const { url, status, fields, requestFields, body, html, redirects } = snapshot;
  return { url, status, fields, requestFields, body, text: html, redirects };
}

/**
 * The request body on its way upstream. Most bodies stream as they are, unread. Where some route's forms carry the SID in a
 * hidden field (`forms: field`), the first bytes of a form body are read ahead and the field is taken out of them; the length
 * is corrected by what went. Memory: the window of `limits.form_peek` at most, whatever the size of the upload.
 */
import { Readable } from 'node:stream';
import { firstValue } from '../field-list.ts';
import { type FormEncoding, formEncoding, unmarkForm } from '../form/unmark.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { UploadBody } from '../upstream/forward.ts';
import type { BodyFraming } from '../upstream/request.ts';
import { type ClientBody, openBody } from './client-body.ts';
import type { ClientRequest, ClientResponse } from './client-response.ts';
import { FormWindows } from './form-window.ts';
import type { RequestFacts } from './framing.ts';
import type { Site } from './site.ts';

export interface Upload {
  readonly body: UploadBody | null;
  readonly framing: BodyFraming;
  /** SIDs that hidden fields of the form carried, each once. */
  readonly sids: readonly string[];
}

/** A promise only where the form has to be looked into. Throws what `openBody` throws. */
export function openUpload(
  site: Site,
  policy: RoutePolicy,
  req: ClientRequest,
  res: ClientResponse,
  facts: RequestFacts,
): Upload | Promise<Upload> {
  if (facts.body === 'none') return NO_UPLOAD;
  const body = openBody(req, res, facts, policy.bodyLimitBytes);
  const asCame: Upload = { body, framing: facts.body, sids: [] };
  // The page of any route may have sent it, and none of the field may reach the application.
  if (body === null || !site.hasFormFields) return asCame;
  const encoding = formEncoding(firstValue(facts.fields, 'content-type'));
  // A coded body is not ours to read; browsers never send one from a form.
  if (encoding === null || firstValue(facts.fields, 'content-encoding') !== null) return asCame;
  return unmarkUpload(site, policy, facts, body, encoding);
}

const NO_UPLOAD: Upload = Object.freeze({ body: null, framing: 'none', sids: [] });

/** Of this process. */
const windows = new FormWindows();

async function unmarkUpload(
  site: Site,
  policy: RoutePolicy,
  facts: RequestFacts,
  body: ClientBody,
  encoding: FormEncoding,
): Promise<Upload> {
  const { window, isWhole, rest } = await windows.read(body, site.config.limits.formPeekBytes);
  let unmarked = window;
  const sids = new Set<string>();
  for (const name of site.namesOfHosts.of(facts.client.host ?? '').all) {
    const result = unmarkForm(unmarked, encoding, name, isWhole);
    unmarked = result.body;
    if (name === policy.session.name) for (const sid of result.sids) sids.add(sid);
  }
  // An empty field is none.
  sids.delete('');
  const removed = window.length - unmarked.length;
  const framing = facts.body === 'chunked' || facts.body === 'none' ? facts.body : facts.body - removed;
  return { body: joined(unmarked, rest, body), framing, sids: [...sids] };
}

function joined(window: Buffer, rest: AsyncIterator<Buffer>, source: ClientBody): UploadBody {
  async function* chunks(): AsyncGenerator<Buffer> {
    if (window.length > 0) yield window;
    for (;;) {
      const { value, done } = await rest.next();
      if (done === true) return;
      yield value;
    }
  }
  const body = Readable.from(chunks(), { objectMode: false });
  return Object.assign(body, { trailers: () => source.trailers() });
}

/**
 * What a scanner of HTML works on and can leave to the next one: making it costs as much as scanning some kilobytes.
 *
 * Desks of pages that are over lie in a pool. Nothing of a page stays on them but small buffers for what is next.
 */
import { AttributeReader, TagEndFinder } from './attributes.ts';
import { CdataEnd, CommentEnd, NoscriptEnd, RawTextEnd } from './content.ts';
import { LinkRun } from './link-run.ts';
import type { TagToken } from './open-elements.ts';
import type { StartTag } from './scanner.ts';
import { TagLog } from './tag-log.ts';

const NO_BYTES = Buffer.alloc(0);
const MAX_IDLE_DESKS = 16;

/** One scanner's at a time, from `takeDesk` to `giveBackDesk`. */
export class Desk {
  readonly reader = new AttributeReader();
  readonly log = new TagLog();
  readonly tagEnd = new TagEndFinder();
  readonly rawEnd = new RawTextEnd();
  readonly commentEnd = new CommentEnd();
  readonly cdataEnd = new CdataEnd();
  readonly noscriptEnd = new NoscriptEnd();
  readonly token: TagToken = { tag: 0, key: 0, isSelfClosing: false, isMarked: false, fingerprint: 0 };
  readonly tag: StartTag = {
    name: '',
    namespace: 'html',
    bytes: NO_BYTES,
    start: 0,
    end: 0,
    isSelfClosing: false,
    isDropped: false,
    hasNoControls: false,
    attributeCount: 0,
    attributes: this.reader.spans,
  };
  readonly links = new LinkRun();
}

const idleDesks: Desk[] = [];

/** A desk with an empty log, from the pool if it has one. */
export function takeDesk(): Desk {
  return idleDesks.pop() ?? new Desk();
}

/** The page is over. What has grown large on it is left to the garbage collector. */
export function giveBackDesk(desk: Desk): void {
  if (!desk.reader.isSmall || !desk.log.isSmall || idleDesks.length >= MAX_IDLE_DESKS) return;
  desk.log.count = 0;
  desk.tag.bytes = NO_BYTES;
  desk.links.clear();
  idleDesks.push(desk);
}

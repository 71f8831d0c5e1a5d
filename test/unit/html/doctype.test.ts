/** Quirks mode by document type, against parse5. */
import { expect } from 'chai';
import { defaultTreeAdapter, parse } from 'parse5';
import { asksForQuirks } from '../../../src/html/doctype.ts';

const BODIES = [
  ...['', ' ', ' html', 'html', ' HTML ', ' html x', ' htm', ' html SYSTEM', ' html SYSTEM "about:legacy-compat"'],
  ...[
    ' html PUBLIC',
    ' html PUBLIC ""',
    ' html PUBLIC "" ""',
    ' html PUBLIC "html"',
    ' html PUBLIC"x""y"z',
    ' html "x"',
  ],
  ...[' html SYSTEM "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd"', " html system 'x' more"],
  ...[
    ' html PUBLIC "x" "http://www.IBM.com/data/dtd/v11/ibmxhtml1-transitional.dtd"',
    ' html PUBLIC "x',
    ' html PUBLIC "x" "y',
  ],
  ...[' html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd"', ' html PUBLIC "x" y'],
  ...[' html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"', ' html PUBLIC "-//W3C//DTD HTML 4.01 Frameset//EN" "x"'],
  ...[
    ' html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" ""',
    ' html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"',
  ],
  ...[
    ' html PUBLIC "-//W3C//DTD HTML 3.2//EN"',
    ' html PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN"',
    ' html PUBLICx "y"',
  ],
  ...[
    ' html PUBLIC "-//IETF//DTD HTML//EN"',
    ' html PUBLIC "-//IETF//DTD HTML Strict Level 3//"',
    ' html\tpublic\n"html"',
  ],
  ...[' html PUBLIC "-//W3O//DTD W3 HTML Strict 3.0//EN//"', ' html PUBLIC "-/W3C/DTD HTML 4.0 Transitional/EN" "x"'],
  ...[
    ' html PUBLIC "-//Microsoft//DTD Internet Explorer 3.0 Tables//EN"',
    ' html PUBLIC "-//O\'Reilly and Associates//DTD HTML 2.0//"',
  ],
];

describe('asksForQuirks', () => {
  for (const body of BODIES) {
    it(`<!DOCTYPE${body}>`, () => {
      const mode = defaultTreeAdapter.getDocumentMode(parse(`<!DOCTYPE${body}>`));
      expect(asksForQuirks(body)).to.equal(mode === 'quirks');
    });
  }
});

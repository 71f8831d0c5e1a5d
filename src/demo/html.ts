/**
 * The look of the demo shop: HTML as it was written before 2005. Upper-case tags, attributes without quotes, tables for
 * layout, `&amp;` in some links and a bare `&` in others. Only the frame of a page is here; `pages.ts` has what it says.
 */

/** Text as HTML content or a quoted attribute value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char);
}

export interface PageFrame {
  readonly title: string;
  /** Markup of the page's own part; the caller escapes what visitors wrote. */
  readonly body: string;
  /** Further markup for HEAD. */
  readonly head?: string;
  readonly user: string | null;
  readonly pages: number;
  readonly cartPieces: number;
  readonly background: string;
}

/** One whole page. */
export function renderPage(page: PageFrame): string {
  const greeting =
    page.user === null
      ? 'You are a guest. <A HREF=/login.cgi>Log in</A>'
      : `Logged in as <B>${escapeHtml(page.user)}</B>. <A HREF=/logout.cgi>Log out</A>`;
  return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<HTML>
<HEAD>
<TITLE>${escapeHtml(page.title)} - Ye Olde Shoppe</TITLE>
<LINK REL=stylesheet HREF=/shop.css>
${page.head ?? ''}</HEAD>
<BODY BGCOLOR=${page.background} TEXT=#000000 LINK=#0000CC>
<TABLE WIDTH=100% BORDER=0 CELLPADDING=4>
<TR><TD BGCOLOR=#663300 COLSPAN=2><FONT COLOR=#FFFFFF SIZE=5><B>Ye Olde Shoppe</B></FONT></TD></TR>
<TR><TD WIDTH=140 VALIGN=top BGCOLOR=#EEDDBB>
<A HREF=/>Home</A><BR>
<A HREF="/catalogue.cgi?page=1&amp;sort=id">Catalogue</A><BR>
<A HREF='/cart.cgi'>Cart (${page.cartPieces})</A><BR>
<a href=/account.cgi>My account</a><BR>
<A TARGET=_top HREF="/frames.cgi">With frames</A><BR>
<A HREF=/contact.html>Contact</A>
<FORM ACTION=/search.cgi METHOD=get><INPUT TYPE=text NAME=q SIZE=10><INPUT TYPE=submit VALUE=Find></FORM>
</TD><TD VALIGN=top>
<P><SMALL>${greeting} This is page ${page.pages} of your visit.</SMALL></P>
<H1>${escapeHtml(page.title)}</H1>
${page.body}
</TD></TR></TABLE>
</BODY>
</HTML>
`;
}

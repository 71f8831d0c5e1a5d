/**
 * What the pages of the demo shop say. Pure: a visit and the query in, markup out.
 *
 * Between them the pages hold every kind of link that a browser follows: relative, path-absolute, absolute, query only,
 * areas of an image map, frames, forms of both methods, `formaction`, a meta refresh; and such as must stay as they are:
 * other sites, `//host`, fragments, `mailto:`, `javascript:`.
 */
import { DEPARTMENTS, type Product, price, productAt, searchProducts } from './catalogue.ts';
import { escapeHtml } from './html.ts';
import type { Visit } from './visits.ts';

const PAGE_SIZE = 25;

/** What a page needs to know of its request. */
export interface PageInput {
  readonly visit: Visit;
  readonly query: URLSearchParams;
  /** How the visitor spells this site, e.g. `http://127.0.0.1:8080`; for the absolute links. */
  readonly origin: string;
  /** Size of the catalogue. */
  readonly products: number;
}

/** A page's own part, to be put into the frame that all pages share. */
export interface PageContent {
  readonly title: string;
  readonly body: string;
  readonly head?: string;
  readonly status?: number;
}

export function homePage({ origin }: PageInput): PageContent {
  return {
    title: 'Welcome',
    body: `<P>This shop keeps its sessions in a cookie, and in nothing else. Log in, fill the cart, pay.</P>
<UL>
<LI><A HREF="product.cgi?id=1">Offer of the day</A> (relative)
<LI><A HREF=${origin}/catalogue.cgi?page=2>More of the catalogue</A> (absolute, unquoted)
<LI><A HREF="?theme=green&amp;from=home">Green pages</A> <A HREF='?theme=white'>White pages</A> (query only)
<LI><A HREF="/goods/0017.html#price">A page that looks static</A> (with a fragment)
<LI><A HREF=/specials.cgi>Specials</A> (answers with a redirect)
<LI><A HREF=/news.html>News</A> (moves on by a meta refresh)
<LI><A HREF="#foot">Down</A>, <A HREF="mailto:owner@shop.example">mail us</A>, <A HREF="javascript:history.back()">back</A>
<LI><A HREF=https://www.example.org/partner?id=7>Our partner</A>, <A HREF="//cdn.example.net/list">price list elsewhere</A>
</UL>
<IMG SRC=/plan.gif USEMAP=#plan WIDTH=200 HEIGHT=50 ALT="Plan of the shop">
<MAP NAME=plan>
<AREA SHAPE=rect COORDS=0,0,99,49 HREF="/search.cgi?q=kettle&dept=Kitchen" ALT=Kitchen>
<AREA SHAPE=rect COORDS=100,0,199,49 HREF=https://garden.example.com/ ALT=Garden>
</MAP>
<IFRAME SRC=/hint.cgi WIDTH=300 HEIGHT=60></IFRAME>
<A NAME=foot></A>`,
  };
}

export function cataloguePage({ query, products }: PageInput): PageContent {
  const lastPage = Math.max(1, Math.ceil(products / PAGE_SIZE));
  const page = Math.min(lastPage, Math.max(1, Number(query.get('page')) || 1));
  const rows: string[] = [];
  for (let id = (page - 1) * PAGE_SIZE + 1; id <= Math.min(products, page * PAGE_SIZE); id++) {
    const product = productAt(id, products);
    if (product !== null) rows.push(productRow(product));
  }
  const before = page > 1 ? `<A HREF="?page=${page - 1}&amp;sort=id" REL=prev>Back</A>` : 'Back';
  const after = page < lastPage ? `<A HREF=catalogue.cgi?page=${page + 1}&sort=id REL=next>Next</A>` : 'Next';
  return {
    title: `Catalogue, page ${page} of ${lastPage}`,
    body: `<TABLE BORDER=1>\n${rows.join('\n')}\n</TABLE>\n<P>${before} | ${after}</P>`,
  };
}

export function searchPage({ query, products }: PageInput): PageContent {
  const words = query.get('q') ?? '';
  const department = query.get('dept') ?? '';
  const found = searchProducts(words, products, 40).filter((one) => department === '' || one.department === department);
  const options = DEPARTMENTS.map((name) => `<OPTION${name === department ? ' SELECTED' : ''}>${name}</OPTION>`);
  return {
    title: `Search: ${words}`,
    body: `<FORM METHOD=GET ACTION="search.cgi">
<INPUT NAME=q VALUE="${escapeHtml(words)}">
<SELECT NAME=dept><OPTION VALUE="">Everywhere</OPTION>${options.join('')}</SELECT>
<INPUT TYPE=submit VALUE=Search>
</FORM>
<P>${found.length} found.</P>
<TABLE BORDER=1>\n${found.map(productRow).join('\n')}\n</TABLE>`,
  };
}

function productRow(product: Product): string {
  const name = escapeHtml(product.name);
  // Two spellings of the same page in turn: a query, and a path that looks static.
  const link =
    product.id % 2 === 1
      ? `<A HREF=product.cgi?id=${product.id}>${name}</A>`
      : `<a href="/goods/${String(product.id).padStart(4, '0')}.html">${name}</a>`;
  return `<TR><TD>${link}<TD ALIGN=right>${price(product.priceCents)}<TD>${product.department}</TR>`;
}

/** Null when there is no such product. */
export function productPage({ products, visit }: PageInput, id: number): PageContent | null {
  const product = productAt(id, products);
  if (product === null) return null;
  const next = productAt(id + 1, products);
  const nextLink =
    next === null ? '' : `<P><A HREF="/product.cgi?id=${next.id}&amp;from=${id}">Next: ${escapeHtml(next.name)}</A>`;
  return {
    title: product.name,
    body: `<TABLE BORDER=1>
<TR><TD>Price<TD ID=price>${price(product.priceCents)}</TR>
<TR><TD>In stock<TD>${product.stock}</TR>
<TR><TD>In your cart<TD>${visit.cart.get(id) ?? 0}</TR>
</TABLE>
<FORM METHOD=post ACTION=/cart.cgi>
<INPUT TYPE=hidden NAME=id VALUE=${id}>
<INPUT NAME=n VALUE=1 SIZE=2>
<INPUT TYPE=submit NAME=do VALUE=Add>
<INPUT TYPE=submit NAME=do VALUE="Add and pay" FORMACTION="/cart.cgi?then=checkout">
</FORM>
<P><A HREF="/search.cgi?q=${encodeURIComponent(product.name.split(' ')[0] ?? '')}&dept=${product.department}">More like this</A>
${nextLink}`,
  };
}

export function cartPage({ visit, products }: PageInput): PageContent {
  if (visit.cart.size === 0) return { title: 'Your cart', body: '<P>Your cart is empty.</P>' };
  const rows: string[] = [];
  let sumCents = 0;
  for (const [id, pieces] of visit.cart) {
    const product = productAt(id, products);
    if (product === null) continue;
    sumCents += product.priceCents * pieces;
    rows.push(
      `<TR><TD>${pieces}<TD><A HREF=/product.cgi?id=${id}>${escapeHtml(product.name)}</A><TD>${price(product.priceCents)}` +
        `<TD><A HREF="?remove=${id}&amp;n=1">one less</A></TR>`,
    );
  }
  return {
    title: 'Your cart',
    body: `<TABLE BORDER=1>\n${rows.join('\n')}\n<TR><TD><TD>Sum<TD>${price(sumCents)}<TD></TR>\n</TABLE>
<P><A HREF=./checkout.cgi>Pay</A></P>`,
  };
}

/** Step 1 asks for the address, step 2 asks to confirm. */
export function checkoutPage({ visit }: PageInput): PageContent {
  if (visit.address === null) {
    return {
      title: 'Checkout, step 1 of 2',
      body: `<FORM METHOD=POST>
<P>Deliver to <TEXTAREA NAME=address ROWS=2 COLS=30></TEXTAREA></P>
<INPUT TYPE=submit VALUE=Continue>
</FORM>`,
    };
  }
  return {
    title: 'Checkout, step 2 of 2',
    body: `<P>To be delivered to: <B>${escapeHtml(visit.address)}</B></P>
<FORM METHOD=POST ACTION="checkout.cgi?step=2">
<INPUT TYPE=hidden NAME=confirm VALUE=yes>
<INPUT TYPE=submit VALUE="Buy now">
<BUTTON FORMACTION="/checkout.cgi?step=back">Change the address</BUTTON>
</FORM>`,
  };
}

export function thanksPage(orderNumber: string): PageContent {
  return { title: 'Thank you', body: `<P>Your order has the number <B ID=order>${escapeHtml(orderNumber)}</B>.</P>` };
}

export function loginPage({ query }: PageInput, wrong: boolean): PageContent {
  return {
    title: 'Log in',
    body: `${wrong ? '<P><FONT COLOR=red>This is not right. The password is: tea</FONT></P>' : '<P>Any name will do. The password is: tea</P>'}
<FORM ACTION="login.cgi" METHOD=POST>
<INPUT TYPE=hidden NAME=to VALUE="${escapeHtml(query.get('to') ?? '')}">
Name <INPUT NAME=user> Password <INPUT TYPE=password NAME=password>
<INPUT TYPE=submit VALUE="Log in">
</FORM>`,
  };
}

export function accountPage({ visit }: PageInput): PageContent {
  return {
    title: 'My account',
    body: `<P>Good day, <B ID=user>${escapeHtml(visit.user ?? '')}</B>. You have seen ${visit.pages} pages.</P>
<P><A HREF=/cart.cgi>Your cart</A>, <A HREF="/logout.cgi?sure=yes&amp;from=account">log out</A></P>`,
  };
}

export function hintPage({ visit }: PageInput): PageContent {
  return {
    title: 'Hint',
    body: `<P>${visit.user === null ? 'Guests pay too.' : `For you, ${escapeHtml(visit.user)}: a kettle.`} <A TARGET=_parent HREF=/search.cgi?q=kettle>Look</A></P>`,
  };
}

/** A page that a browser leaves by itself after a second. */
export function newsPage(): PageContent {
  return {
    title: 'News',
    head: '<META HTTP-EQUIV=Refresh CONTENT="1; URL=/catalogue.cgi?page=1&amp;from=news">\n',
    body: '<P>There is no news. You are being taken to the catalogue.</P>',
  };
}

/** The frameset has no frame of the shop around it. */
export function framesetPage(): string {
  return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Frameset//EN">
<HTML><HEAD><TITLE>Ye Olde Shoppe, framed</TITLE></HEAD>
<FRAMESET COLS="180,*">
<FRAME NAME=menu SRC=/menu.cgi>
<FRAMESET ROWS="*,80">
<FRAME NAME=main SRC="catalogue.cgi?page=1&amp;framed=1">
<FRAME NAME=hint SRC='/hint.cgi'>
</FRAMESET>
<NOFRAMES><BODY>Your browser shows no frames. <A HREF=/>Go on without.</A></BODY></NOFRAMES>
</FRAMESET>
</HTML>
`;
}

export function menuPage({ visit }: PageInput): PageContent {
  const who = visit.user === null ? '<A TARGET=_top HREF=/login.cgi>Log in</A>' : escapeHtml(visit.user);
  return {
    title: 'Menu',
    body: `<P>${who}</P><P><A TARGET=main HREF=/cart.cgi>Cart</A><BR><A TARGET=main HREF="catalogue.cgi?page=1">Catalogue</A></P>`,
  };
}

/**
 * The pages of the rewriter's bench: generated, the same every time.
 *
 * They stand for what a legacy application sends: a login form, a forum thread full of links, a long table, a page that is
 * mostly script, an article, cards with long attributes, and the worst case of many tags in little text.
 */

export interface BenchPage {
  name: string;
  /** Counts for the mean over ordinary pages. */
  isOrdinary: boolean;
  html: Buffer;
}

const WORDS =
  'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor été über señor naïve façade user session'.split(
    ' ',
  );

/** A linear congruential generator: the pages must not change between runs. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

class Writer {
  private readonly random = createRandom(12345);

  word(): string {
    // The index is below the length.
    return WORDS[Math.floor(this.random() * WORDS.length)]!;
  }

  words(count: number): string {
    return Array.from({ length: count }, () => this.word()).join(' ');
  }

  head(title: string, extra = ''): string {
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} &lt;a href="x"&gt;</title>
<link rel="stylesheet" href="/css/site.css?v=3">
<script src="/js/jquery.js"></script>
<!-- <a href="/in/comment">not a link</a> -->
${extra}</head>
<body class="page main">
${this.navigation()}`;
  }

  navigation(): string {
    const targets = ['/', '/forum/', '/faq.php', '/list.php?mode=all', 'https://example.org/x', '//cdn.example.com/x'];
    const others = ['#top', 'mailto:a@b.example', 'javascript:void(0)'];
    const items = [...targets, ...others].map(
      (href, i) =>
        `<li class="item-${i}"><a class="nav-link" href="${href}" title="Go &gt; ${i} > there">Item ${i}</a></li>`,
    );
    return `<nav><ul class="menu">${items.join('')}</ul></nav>\n`;
  }

  login(): string {
    const rules = Array.from({ length: 40 }, (_, i) => `.c${i} > a { color: #${i}${i}0; margin: ${i}px }`).join('\n');
    const fields = ['username', 'password', 'code', 'mail', 'phone'].map(
      (field) =>
        `<tr><td><label for="${field}">${field}</label></td><td><input type="text" id="${field}" name="${field}" class="form-control input-lg" placeholder="Enter ${field}" autocomplete="off"></td></tr>`,
    );
    const script = `<script>var tpl = '<a href="/tpl">x</a><form action="/evil">'; if (1 < 2) document.title = "a<b"</script>`;
    return `${this.head('Login', `<style>\n${rules}\n</style>\n${script}\n`)}<main><h1>Sign in</h1>
<form method="post" action="/login.php" class="form"><table>${fields.join('\n')}</table>
<textarea name="t"><a href="/in/textarea">x</a></textarea><button type="submit">Go</button></form>
<form method="get" action="/search"><input name="q"></form>
<p>${this.words(120)}</p><a href="/forgot?x=1&amp;y=2#frag">Forgot?</a></main><footer>${this.navigation()}</footer>
<p>${this.words(360)}</p></body></html>\n`;
  }

  forum(): string {
    let page = this.head('Thread');
    for (let i = 0; page.length < 59 * 1024; i++) page += this.post(i);
    return `${page}<form method="post" action="./posting.php"><fieldset><textarea name="m" rows="4"></textarea><input type="submit"></fieldset></form></body></html>\n`;
  }

  private post(i: number): string {
    const user = `./memberlist.php?mode=viewprofile&amp;u=${i}`;
    return `<div id="p${i}" class="post has-profile bg${i % 2}"><div class="inner"><dl class="postprofile" id="profile${i}"><dt class="has-avatar"><div class="avatar-container"><a href="${user}" class="avatar"><img class="avatar" src="./download/file.php?avatar=${i}.png" width="80" height="80" alt="User avatar"></a></div><a href="${user}" class="username">${this.word()}</a></dt><dd class="profile-rank">Member</dd><dd><strong>Posts:</strong> <a href="./search.php?author_id=${i}&amp;sr=posts">${i * 7}</a></dd></dl><div class="postbody"><h3><a href="#p${i}">Re: ${this.words(3)}</a></h3><ul class="post-buttons"><li><a href="./posting.php?mode=quote&amp;p=${i}" title="Reply with quote" class="button"><i class="icon fa-quote-left"></i><span class="sr-only">Quote</span></a></li><li><a href="./report.php?p=${i}" title="Report"><i class="icon"></i></a></li></ul><p class="author"><a class="unread" href="./viewtopic.php?p=${i}#p${i}"><i class="icon"></i></a> by <strong><a href="./memberlist.php?u=${i}" class="username">${this.word()}</a></strong> &raquo; <time datetime="2024-01-01">Jan 1</time></p><div class="content">${this.words(12)}<br>${this.words(8)} <b>${this.words(2)}</b> <i>${this.words(2)}</i><br /><blockquote><div><cite>${this.word()} wrote:</cite>${this.words(10)}</div></blockquote></div></div></div></div><hr class="divider">\n`;
  }

  table(): string {
    const rows: string[] = [];
    for (let i = 0; i < 8000; i += 4) {
      const cells = [i, i + 1, i + 2, i + 3].map(
        (n) => `<td><a href="row.php?id=${1000 + n}">${1000 + n} ${this.word()}</a></td>`,
      );
      rows.push(`<tr>${cells.join('')}</tr>\n`);
    }
    return `${this.head('Table')}<table class="list">\n${rows.join('')}</table><p>${this.words(13000)}</p></body></html>\n`;
  }

  script(): string {
    const items = Array.from({ length: 8000 }, (_, id) => ({
      id,
      name: this.words(4),
      html: id % 10 === 0 ? `<a href="/j/${id}">x<\\/a>` : '',
      tags: [this.word(), this.word()],
    }));
    let code = '';
    for (let i = 0; code.length < 350_000; i++) {
      code += `function f${i}(a,b){for(var i=0;i<a.length&&b>i;i++){if(a[i]<b){document.write("<div class='x'><a href='/js/"+i+"'>"+a[i]+"</a></div>")}else{return a<b?a:b}}}\n`;
    }
    return `${this.head('App')}<script id="data" type="application/json">${JSON.stringify({ items })}</script>
<script>//<![CDATA[\n${code}//]]></script>
<div id="root"><a href="/start">Start</a><form action="/q"><input name="q"></form></div></body></html>\n`;
  }

  article(): string {
    let page = `${this.head('Article')}<article>\n`;
    for (let i = 0; page.length < 195_000; i++) {
      page += `<h2 id="s${i}">${this.words(5)}</h2>\n<p>${this.words(90)} <a href="/wiki/${this.word()}_${i}">${this.words(2)}</a> ${this.words(120)} <em>${this.words(3)}</em> ${this.words(60)}</p>\n`;
    }
    return `${page}</article></body></html>\n`;
  }

  cards(): string {
    let page = this.head('Cards');
    for (let i = 0; page.length < 256 * 1024; i++) {
      page += `<div class="card card-${i} col-md-6 col-lg-4 shadow-sm rounded" data-html="<a href='/fake/${i}'>no</a>" data-json='{"id":${i},"next":"/p?x=1>2"}' style="color:red;padding:${i}px" onclick="if(a<b){go('/x')}"><a class="btn btn-primary btn-lg" data-toggle='tooltip' title="a > b" href='/card/${i}' rel=nofollow>Open</a><svg viewBox="0 0 16 16" width=16 height=16><path d="M8 0C3.58 0 0 3.58 0 8c0 3.54 2.29 6.53 5.47 7.59.4.07.55-.17.55-.38 0-.19-.01-.82-.01-1.49"></path></svg></div>\n`;
    }
    return `${page}</body></html>\n`;
  }

  worst(): string {
    return `<!DOCTYPE html><title>w</title><body>\n${'< '.repeat(32 << 10)}\n${'<b></b>'.repeat(16 << 10)}${'<a href=x>'.repeat(8 << 10)}`;
  }
}

export function benchPages(): BenchPage[] {
  const writer = new Writer();
  const page = (name: string, html: string, isOrdinary = true): BenchPage => ({
    name,
    isOrdinary,
    html: Buffer.from(html, 'utf8'),
  });
  return [
    page('login 8K', writer.login()),
    page('forum 60K', writer.forum()),
    page('table 500K', writer.table()),
    page('script 1M', writer.script()),
    page('article 200K', writer.article()),
    page('cards 256K', writer.cards()),
    page('worst 256K', writer.worst(), false),
  ];
}

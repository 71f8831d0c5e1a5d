/** The witness must be able to find fault: each row is a page spoilt in one way, and what it has to say. */
import { expect } from 'chai';
import { compareTrees } from '../../support/page-tree.ts';

const S = 'abcdefghijklmnopqrstuv0123';
const options = { pageUrl: 'http://shop.test/dir/page?x=1', sidName: '_sid' };

describe('page witness', () => {
  const clean: [why: string, before: string, after: string, marked: number, fields: number][] = [
    ['a link', '<a href=b>', `<a href=b?_sid=${S}>`, 1, 0],
    ['a link with a query and a fragment', '<a href="b?c=d#e">', `<a href="b?c=d&amp;_sid=${S}#e">`, 1, 0],
    ['a foreign link', '<a href=//other.test/>', '<a href=//other.test/>', 0, 0],
    ['a GET form', '<form action=s>', `<form action=s><input type=hidden name=_sid value=${S}>`, 0, 1],
    [
      'a GET form in a table',
      '<table><form action=s><tr>',
      `<table><form action=s><input type=hidden name=_sid value=${S}><tr>`,
      0,
      1,
    ],
    ['a POST form', '<form method=POST action=/s>', `<form method=POST action=/s?_sid=${S}>`, 1, 0],
    ['a POST form without action', '<form method=post>', `<form method=post action="/dir/page?x=1&_sid=${S}">`, 1, 0],
    ['a frame of text', '<iframe srcdoc="&lt;a href=x>">', `<iframe srcdoc="&lt;a href=x?_sid=${S}>">`, 1, 0],
    [
      'a refresh',
      '<meta http-equiv=refresh content="1;url=x">',
      `<meta http-equiv=refresh content="1;url=x?_sid=${S}">`,
      1,
      0,
    ],
  ];
  for (const [why, before, after, marked, fields] of clean) {
    it(`accepts ${why}`, () => {
      const seen = compareTrees(before, after, options);
      expect({ ...seen, marked: seen.marked.length }).to.deep.equal({
        differences: [],
        missed: [],
        leaked: [],
        marked,
        fields,
      });
    });
  }

  const spoilt: [why: string, before: string, after: string, list: 'differences' | 'missed' | 'leaked'][] = [
    ['an own link left alone', '<a href=b>', '<a href=b>', 'missed'],
    ['an own GET form left alone', '<form action=s>', '<form action=s>', 'missed'],
    ['an own POST form left alone', '<form method=post action=s>', '<form method=post action=s>', 'missed'],
    ['a frame left alone', '<frameset><frame src=x>', '<frameset><frame src=x>', 'missed'],
    [
      'a refresh left alone',
      '<meta http-equiv=refresh content="1;url=x">',
      '<meta http-equiv=refresh content="1;url=x">',
      'missed',
    ],
    ['a foreign link marked', '<a href=//o.test/>', `<a href=//o.test/?_sid=${S}>`, 'leaked'],
    [
      'a foreign form with our field',
      '<form action=//o.test/>',
      `<form action=//o.test/><input type=hidden name=_sid value=${S}>`,
      'leaked',
    ],
    ['a lost text', '<p>one</p>', '<p></p>', 'differences'],
    ['a changed text', '<p>one</p>', '<p>two</p>', 'differences'],
    ['an added attribute', '<p>one</p>', '<p class=x>one</p>', 'differences'],
    ['an image marked', '<img src=a>', `<img src=a?_sid=${S}>`, 'differences'],
    ['a script changed', '<script>a="<a href=x>"</script>', `<script>a="<a href=x?_sid=${S}>"</script>`, 'differences'],
    ['a comment changed', '<!-- <a href=x> -->', `<!-- <a href=x?_sid=${S}> -->`, 'differences'],
    ['a URL that is another one', '<a href=b>', `<a href=c?_sid=${S}>`, 'differences'],
    ['a lost parameter', '<a href=b?c=d>', `<a href=b?_sid=${S}>`, 'differences'],
    ['a mark twice', '<a href=b>', `<a href=b?_sid=${S}&_sid=${S}&x>`, 'differences'],
  ];
  for (const [why, before, after, list] of spoilt) {
    it(`objects to ${why}`, () => expect(compareTrees(before, after, options)[list]).to.not.be.empty);
  }
});

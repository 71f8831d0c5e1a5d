/** The style sheet of the dashboard: system fonts, light and dark, one column on a phone. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--text:#1c2430;--soft:#5b6675;--line:#dde2e8;--accent:#3b6fd4;
--refuses:#d4642b;--unknown:#d9b23c;--accepts:#3b6fd4;--robot:#7d8794;--none:#b9c1ca;--good:#1f7a4d;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ground:#12161c;--card:#1b212a;--text:#e6eaf0;--soft:#9aa6b5;--line:#303946;--accent:#7aa5f5;
--refuses:#f0905c;--unknown:#e3c766;--accepts:#7aa5f5;--robot:#8f9aa8;--none:#515c6a;--good:#4fbf86;--bad:#f0776e}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--text);font:15px/1.45 system-ui,sans-serif}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 16px}header{padding-top:20px}h1{font-size:22px;margin:0}
header p,footer,small,.none{color:var(--soft)}header p{margin:4px 0 16px}footer{padding-top:8px;padding-bottom:24px;font-size:13px}a{color:var(--accent)}
.pill{font-size:13px;font-weight:600;padding:2px 10px;border-radius:99px;color:#fff;background:var(--good);vertical-align:3px}
.pill.degraded,.pill.starting{background:var(--refuses)}.pill.stopping{background:var(--bad)}@media(prefers-color-scheme:dark){.pill{color:#12161c}}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(250px,100%),1fr));gap:12px}
.tiles{grid-column:1/-1;margin:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.tiles div,section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px;min-width:0}
dt{color:var(--soft);font-size:13px}dd{margin:2px 0;font-size:26px;font-weight:600;font-variant-numeric:tabular-nums}small{font-size:12px;line-height:1.3;display:block}
section.wide{grid-column:1/-1}h2{font-size:15px;margin:0 0 8px}p{margin:4px 0}figure{margin:0}svg{display:block;width:100%}
figure svg text{fill:var(--soft);font-size:11px}.grid{stroke:var(--line)}.area{stroke:none}.line{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
svg.phone{display:none}@media(max-width:640px){svg.phone{display:block}svg.desk{display:none}}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;margin:6px 0 0;padding:0;font-size:13px;color:var(--soft)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.v-refuses{fill:var(--refuses);stroke:var(--refuses);background:var(--refuses)}.v-unknown{fill:var(--unknown);stroke:var(--unknown);background:var(--unknown)}
.v-accepts{fill:var(--accepts);stroke:var(--accepts);background:var(--accepts)}.v-robot{fill:var(--robot);stroke:var(--robot);background:var(--robot)}
.v-none{fill:var(--none);stroke:var(--none);background:var(--none)}.line.v-refuses,.line.v-accepts{fill:none}.accent{fill:var(--accent)}
table{width:100%;border-collapse:collapse;font-size:14px}th{text-align:left;font-weight:500;overflow-wrap:anywhere}td,th{padding:4px 8px 4px 0;vertical-align:top}
thead th{color:var(--soft);font-size:13px;border-bottom:1px solid var(--line)}.number{text-align:right;font-variant-numeric:tabular-nums;padding-right:0;white-space:nowrap}
.bars td.bar{width:40%;vertical-align:middle}.bars svg{height:10px;border-radius:3px}.scroll{overflow-x:auto}.scroll table{min-width:520px}tbody th{min-width:6em}
`;

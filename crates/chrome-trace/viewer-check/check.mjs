// Opens a trace in the Perfetto UI and compares what it kept with what the trace holds.
// See README.md for the arguments.
import { parseArgs } from "node:util";
import puppeteer from "puppeteer-core";
import { account, family, readEvents } from "./trace.mjs";
import { serve } from "./serve.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    viewer: { type: "string", default: process.env.PERFETTO_UI },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    png: { type: "string" },
    size: { type: "string", default: "1800x1000" },
    window: { type: "string" },
    expand: { type: "string" },
    debug: { type: "boolean", default: false },
  },
});
const trace = positionals[0];
if (!trace || !options.viewer) {
  console.error(
    "usage: node check.mjs TRACE --viewer FOLDER [--png FILE] [--size WxH] [--window FROM..TO] [--expand NAME,NAME]",
  );
  process.exit(2);
}

/** Rows of a query, run by the viewer's own engine inside the page. */
async function query(page, sql, columns) {
  return page.evaluate(
    async (sql, columns) => {
      const result = await window.app.trace.engine.query(sql);
      const rows = [];
      for (const it = result.iter({}); it.valid(); it.next()) {
        rows.push(columns.map((column) => {
          const value = it.get(column);
          return typeof value === "bigint" ? Number(value) : value;
        }));
      }
      return rows;
    },
    sql,
    columns,
  );
}

async function compare(page, own) {
  const problems = [];
  const say = (problem) => problems.push(problem);
  const stats = await query(
    page,
    "select name, severity, value from stats where value > 0 and severity != 'info'",
    ["name", "severity", "value"],
  );
  for (const [name, severity, value] of stats) say(`viewer reports ${severity}: ${name} = ${value}`);

  const seen = new Map();
  for (const [name, count, ns] of await query(
    page,
    "select name, count(*) as n, sum(max(dur, 0)) as d from slice group by name",
    ["name", "n", "d"],
  )) {
    const entry = seen.get(family(name)) ?? { count: 0, cycles: 0 };
    entry.count += count;
    entry.cycles += ns / 1000;
    seen.set(family(name), entry);
  }
  console.log("slices".padEnd(48), "in trace".padStart(10), "in viewer".padStart(10), "cycles in trace".padStart(18), "in viewer".padStart(18));
  for (const name of [...new Set([...own.slices.keys(), ...seen.keys()])].sort()) {
    const mine = own.slices.get(name) ?? { count: 0, cycles: 0 };
    const theirs = seen.get(name) ?? { count: 0, cycles: 0 };
    console.log(name.padEnd(48), String(mine.count).padStart(10), String(theirs.count).padStart(10), String(mine.cycles).padStart(18), String(theirs.cycles).padStart(18));
    if (mine.count !== theirs.count || mine.cycles !== theirs.cycles) say(`slices named ${name} differ`);
  }

  await compareCounters(page, own, say);
  const [[flows]] = await query(page, "select count(*) as n from flow", ["n"]);
  console.log("flows".padEnd(48), String(own.flows).padStart(10), String(flows).padStart(10));
  if (flows !== own.flows) say("flows differ");
  const named = await query(page, "select distinct name from thread where name is not null", ["name"]);
  const names = named.map(([name]) => name);
  for (const track of own.tracks) if (!names.includes(track)) say(`track ${track} is missing`);
  if (own.unclosed > 0) console.log(`${own.unclosed} slices were still open when the trace was cut off`);
  return problems;
}

/** Samples of each counter, and what it adds up to as the viewer draws it: a sample holds until the
 *  next one. The viewer adds up in another order, so sums may differ in the last digits. */
async function compareCounters(page, own, say) {
  const rows = await query(
    page,
    `select name, count(*) as n, sum(value * (next - ts)) / 1000.0 as total from (
       select t.name as name, c.ts as ts, c.value as value,
              coalesce(lead(c.ts) over (partition by c.track_id order by c.ts), c.ts) as next
       from counter c join counter_track t on c.track_id = t.id
     ) group by name`,
    ["name", "n", "total"],
  );
  const seen = new Map(rows.map(([name, count, total]) => [name, { count, total }]));
  for (const [name, { count, cycles }] of own.counters) {
    const theirs = seen.get(name) ?? { count: 0, total: 0 };
    console.log(`counter ${name}`.padEnd(48), String(count).padStart(10), String(theirs.count).padStart(10), cycles.toFixed(3).padStart(18), theirs.total.toFixed(3).padStart(18));
    if (theirs.count !== count) say(`counter ${name} differs`);
    if (Math.abs(theirs.total - cycles) > 1e-9 * Math.abs(cycles) + 1e-3) say(`counter ${name} adds up to ${theirs.total} instead of ${cycles}`);
  }
}

/** Puts the groups in the order of their process numbers, opens those whose name, or a track in
 *  which, contains one of the words (all, without words), and closes the rest. */
async function arrange(page, words) {
  await page.evaluate((words) => {
    const workspace = window.app.trace.workspace;
    const matches = (node) =>
      words.length === 0 || words.some((word) => (node.name ?? "").toLowerCase().includes(word));
    const number = (node) => Number(/(\d+)$/.exec(node.name)?.[1] ?? 0);
    for (const group of [...workspace.children].sort((a, b) => number(a) - number(b))) {
      workspace.addChildLast(group);
      if (matches(group) || group.flatTracks.some(matches)) {
        group.expand();
      } else {
        group.collapse();
      }
    }
    window.app.raf?.scheduleFullRedraw?.();
  }, words);
}

/** Shows the cycles `from..to`. */
async function zoom(page, from, to) {
  await page.evaluate((from, to) => {
    const start = window.app.trace.traceInfo.start;
    const at = (cycles) => start + BigInt(cycles) * 1000n;
    window.app.trace.scrollTo({ time: { start: at(from), end: at(to), viewPercentage: 1 } });
  }, from, to);
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const own = account(readEvents(trace));
const [width, height] = options.size.split("x").map(Number);
const { server, address } = await serve(options.viewer, trace);
const browser = await puppeteer.launch({
  executablePath: options.chromium,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu"],
  defaultViewport: { width, height, deviceScaleFactor: 1 },
});
let problems;
try {
  const page = await browser.newPage();
  if (options.debug) page.on("console", (message) => console.error("page:", message.text()));
  await page.goto(`${address}/#!/?url=${address}/trace&hideSidebar=true`);
  // The engine is there before the tracks are.
  await page.waitForFunction(() => window.app?.trace?.workspace?.children.length > 0, {
    timeout: 120_000,
  });
  await pause(1500);
  problems = await compare(page, own);
  if (options.png) {
    await arrange(page, (options.expand ?? "").toLowerCase().split(",").filter((word) => word));
    if (options.window) {
      const [from, to] = options.window.split("..").map(Number);
      await zoom(page, from, to);
    }
    // The page is drawn anew when the mouse moves.
    await page.mouse.move(width / 2, height - 30);
    await pause(2500);
    await page.screenshot({ path: options.png });
    console.log(`screenshot: ${options.png}`);
  }
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
for (const problem of problems) console.error(`PROBLEM: ${problem}`);
console.log(problems.length === 0 ? "the viewer shows all that the trace holds" : `${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);

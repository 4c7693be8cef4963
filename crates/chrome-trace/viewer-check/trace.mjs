// What a trace holds by its own account: slices, counters and flows, counted and summed per name.
// A counter's sum is each of its samples times the microseconds to the next one.
import { readFileSync } from "node:fs";
import { gunzipSync, constants } from "node:zlib";

/** The events of a trace; a trace that was cut off is read up to its last whole line. */
export function readEvents(path) {
  let bytes = readFileSync(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    bytes = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  }
  const text = bytes.toString("utf8");
  try {
    const parsed = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : parsed.traceEvents;
  } catch {
    const events = [];
    for (const line of text.split("\n")) {
      try {
        const event = JSON.parse(line.replace(/,\s*$/, ""));
        if (event && event.ph) events.push(event);
      } catch {
        // The opening line, or the last one of a run that was cut off.
      }
    }
    return events;
  }
}

/** Tiles are numbered; they count as one name. */
export const family = (name) => name.replace(/\d+/g, "#");

/** Adds to what is known of a name: a count, and cycles (of a counter: its value times cycles). */
function add(map, name, count, cycles) {
  const entry = map.get(name) ?? { count: 0, cycles: 0 };
  entry.count += count;
  entry.cycles += cycles;
  map.set(name, entry);
}

export function account(events) {
  const slices = new Map();
  const counters = new Map();
  const open = new Map();
  const last = new Map();
  const tracks = new Set();
  let flows = 0;
  let unclosed = 0;
  for (const event of events) {
    const track = `${event.pid}/${event.tid}`;
    if (event.ph === "X") {
      add(slices, family(event.name), 1, event.dur);
    } else if (event.ph === "B") {
      if (!open.has(track)) open.set(track, []);
      open.get(track).push(event);
    } else if (event.ph === "E") {
      const begin = open.get(track).pop();
      add(slices, family(begin.name), 1, event.ts - begin.ts);
    } else if (event.ph === "i") {
      add(slices, family(event.name), 1, 0);
    } else if (event.ph === "C") {
      // The viewer shows each series of a counter as a track of its own.
      for (const [series, value] of Object.entries(event.args)) {
        const name = `${event.name} ${series}`;
        const before = last.get(name);
        add(counters, name, 1, before ? before.value * (event.ts - before.ts) : 0);
        last.set(name, { ts: event.ts, value });
      }
    } else if (event.ph === "s") {
      flows += 1;
    } else if (event.ph === "M" && event.name === "thread_name") {
      tracks.add(event.args.name);
    }
  }
  for (const stack of open.values()) {
    for (const begin of stack) {
      // The viewer gives it no length.
      add(slices, family(begin.name), 1, 0);
      unclosed += 1;
    }
  }
  return { slices, counters, flows, tracks: [...tracks].sort(), unclosed };
}

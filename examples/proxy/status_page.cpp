// SPDX-License-Identifier: MIT
#include "admin.hpp"

namespace proxy {

// One file that loads nothing but /-/stats of this proxy. It follows the dark mode of the reader.
std::string_view const status_page = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>proxy</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>
:root{color-scheme:light dark;--line:#8884;--bar:#3a7bd5;--bad:#c0392b;--good:#2e8b57}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem;margin:0}p{margin:.2rem 0 1rem}
table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums}
th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}th{font-weight:600}
.bar{width:10rem;text-align:left!important}
.bar i{display:block;height:.8rem;background:var(--bar);border-radius:2px;min-width:1px}
.up{color:var(--good)}.not{color:var(--bad);font-weight:600}#error{color:var(--bad)}
</style></head><body>
<h1>proxy <small id="policy"></small></h1><p id="totals">…</p><p id="error"></p>
<table><thead><tr><th>backend<th>address<th>state<th>weight<th>in flight<th>per second<th>share<th>failed
<th>latency</tr></thead><tbody id="rows"></tbody></table>
<p><a href="/-/stats">stats</a> · <a href="/-/explain">explain</a> · <a href="/-/metrics">metrics</a></p>
<script>
const $ = id => document.getElementById(id)
let before
const cell = (row, text, kind) => {
  const c = row.insertCell(); c.textContent = text; if (kind) c.className = kind; return c
}
async function look() {
  try {
    const s = await (await fetch('/-/stats')).json()
    const seconds = before ? (s.now_ns - before.now_ns) / 1e9 : 0
    const old = Object.fromEntries((before?.backends ?? []).map(b => [b.id, b.picks]))
    const rate = b => seconds && b.id in old ? (b.picks - old[b.id]) / seconds : 0
    const all = s.backends.reduce((sum, b) => sum + rate(b), 0)
    $('policy').textContent = s.policy + (s.draining ? ', draining' : '')
    $('totals').textContent = `${s.clients} clients, ${s.requests} requests, ${s.retries} retries, ` +
      `${s.refused} refused, ${s.workers} workers`
    $('error').textContent = ''
    const rows = $('rows'); rows.replaceChildren()
    for (const b of s.backends) {
      const row = rows.insertRow(), share = all ? rate(b) / all : 0
      cell(row, b.name); cell(row, b.address); cell(row, b.state, b.state === 'up' ? 'up' : 'not')
      cell(row, b.weight); cell(row, b.in_flight)
      cell(row, rate(b).toFixed(0)); const bar = cell(row, '', 'bar').appendChild(document.createElement('i'))
      bar.style.width = 100 * share + '%'; bar.title = (100 * share).toFixed(1) + ' %'
      cell(row, b.failed); cell(row, b.mean_latency_ms.toFixed(2) + ' ms')
    }
    before = s
  } catch (e) { $('error').textContent = 'no answer: ' + e.message }
  setTimeout(look, 1000)
}
look()
</script></body></html>
)";

}  // namespace proxy

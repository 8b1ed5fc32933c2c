import type { Spread } from './statistics.ts'

/** Three digits that count, thousands apart: 48,300 · 1,230 · 12.3 · 0.31. */
export function figure(value: number): string {
  if (value === 0) return '0'
  const rounded = Number(value.toPrecision(3))
  const digits = Math.floor(Math.log10(Math.abs(rounded)))
  if (digits >= 3) return rounded.toLocaleString('en-US')
  return rounded.toFixed(Math.min(Math.max(0, 2 - digits), 4))
}

/** `median (min–max)`, or a dash. */
export function cell(spread: Spread | undefined, mark = ''): string {
  if (spread === undefined) return '—'
  return `${figure(spread.median)}${mark} (${figure(spread.min)}–${figure(spread.max)})`
}

/** How many times: 24×, 3.4×, 0.71×. */
export function times(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '—'
  return `${value >= 10 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 1 ? 1 : 2)}×`
}

/** A table of Markdown. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? '---' : '--:'))
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

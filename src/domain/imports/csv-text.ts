/** Spreadsheets take a cell that begins so for a formula, behind any number of apostrophes of ours. */
const looksLikeFormula = /^'*[=+\-@\t\r\n＝＋－＠]/
const guarded = /^'+[=+\-@\t\r\n＝＋－＠]/
const needsQuotes = /[",;\r\n\t]|^\s|\s$/

/**
 * A text that no spreadsheet computes: whatever looks like a formula gets one apostrophe in front, phone numbers (`+49…`)
 * too, because a spreadsheet would make numbers of them. `unguard` takes exactly that one away, so every text comes back.
 */
export function guard(text: string): string {
  return looksLikeFormula.test(text) ? `'${text}` : text
}

export function unguard(text: string): string {
  return guarded.test(text) ? text.slice(1) : text
}

/** One line of RFC 4180, with its line break. */
export function csvLine(texts: readonly string[]): string {
  return `${texts.map((text) => cell(guard(text))).join(',')}\r\n`
}

function cell(text: string): string {
  return needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

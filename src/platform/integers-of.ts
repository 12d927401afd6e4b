/**
 * An array of whole numbers (int4[]) as the server writes it: `{}`, `{3,17}`. Lists have one in each row, and pg's own reader,
 * which knows arrays of everything, costs three times as much. `others` gets what is not written like that: negative numbers,
 * NULL, several dimensions.
 */
export function integersOf(text: string, others: (text: string) => unknown): unknown {
  const numbers: number[] = []
  if (text === '{}') return numbers
  let number = 0
  for (let at = 1; at < text.length; at++) {
    const letter = text.charCodeAt(at)
    if (letter >= zero && letter <= nine) number = number * 10 + letter - zero
    else if (letter === comma || letter === end) {
      numbers.push(number)
      number = 0
    } else return others(text)
  }
  return numbers
}

const zero = 0x30
const nine = 0x39
const comma = 0x2c
const end = 0x7d

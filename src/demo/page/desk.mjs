/**
 * What the page of the demo asks the hub, as any program would: GET with a bearer token, and the socket by the plain protocol of
 * Socket.IO, so that the page needs no library. `base` is where the hub is, without a slash at its end.
 */

/** What is typed is a path of the hub, whatever it looks like: a token goes nowhere else. */
const within = (base, path) => `${base}/${path.replace(/^\/+/, '')}`

/** A path of the hub as somebody with this token gets it: the status, and the body as text, JSON laid out. */
export async function ask(base, token, path) {
  const answer = await fetch(within(base, path), { headers: { authorization: `Bearer ${token}` } })
  const text = await answer.text()
  const isJson = (answer.headers.get('content-type') ?? '').includes('json')
  return { status: answer.status, text: isJson ? JSON.stringify(JSON.parse(text), null, 2) : text }
}

/** The lists that the reference knows: paths that are asked with GET and need nothing in them. */
export async function listPaths(base) {
  const answer = await fetch(`${base}/openapi.json`)
  const { paths } = await answer.json()
  return Object.keys(paths).filter((path) => paths[path].get !== undefined && !path.includes('{'))
}

const retryMs = 2000

/**
 * Follows everything that somebody with this token may hear, from now on, and comes back by itself behind the last event.
 * `onEvent(name, data)` is called for each, `onState(text)` when the line opens, breaks or is refused. Answers with what ends it.
 */
export function follow(base, token, { onEvent, onState }) {
  let position
  let socket
  let timer
  let isOver = false
  const open = () => {
    socket = new WebSocket(`${base.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`)
    socket.addEventListener('message', ({ data }) => take(String(data)))
    socket.addEventListener('close', () => {
      if (isOver) return
      onState('The line broke; coming back.')
      timer = setTimeout(open, retryMs)
    })
  }
  const end = () => {
    isOver = true
    clearTimeout(timer)
    socket.close()
  }
  const take = (packet) => {
    if (packet.startsWith('0')) socket.send(`40${JSON.stringify({ token, position })}`)
    else if (packet === '2') socket.send('3')
    else if (packet.startsWith('44')) {
      const { data, message } = JSON.parse(packet.slice(2))
      onState(`Refused: ${data?.message ?? message}`)
      end()
    } else if (packet.startsWith('42')) {
      const [name, event = {}] = JSON.parse(packet.slice(packet.indexOf('[')))
      position = event.seq === undefined ? (event.position ?? position) : `${event.epoch}:${event.seq}`
      if (name === 'caught-up') onState('Connected: whatever happens is shown here, the newest first.')
      if (event.seq !== undefined) onEvent(name, event.data)
    }
  }
  open()
  return end
}

import { ask, follow, listPaths } from './desk.mjs'

/** Lines of the live list; older ones go. */
const mostLines = 200
const shortcuts = [
  '/api/v1/conversations',
  '/admin/customers',
  '/admin/contacts',
  '/admin/deals',
  '/admin/me/activities',
  '/api/v1/channels',
]
const base = `${location.origin}${location.pathname.replace(/\/demo\/?$/, '')}`
const find = (id) => document.getElementById(id)

/**
 * The token came behind the # of the link, which browsers send to nobody. It leaves the address at once, so that it is in no
 * history, and stays in this tab.
 */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null) {
    sessionStorage.setItem('token', given)
    history.replaceState(null, '', location.pathname)
  }
  return given ?? sessionStorage.getItem('token')
}

async function show(token, path) {
  find('path').value = path
  find('status').textContent = '…'
  const { status, text } = await ask(base, token, path)
  find('status').textContent = String(status)
  find('answer').textContent = text
}

function showEvent(name, data) {
  const line = document.createElement('li')
  const title = document.createElement('strong')
  title.textContent = name
  line.append(title, ` ${JSON.stringify(data)}`)
  find('events').prepend(line)
  while (find('events').childElementCount > mostLines) find('events').lastElementChild.remove()
}

async function begin(token) {
  const me = await ask(base, token, '/admin/me')
  if (me.status !== 200) {
    sessionStorage.removeItem('token')
    find('who').textContent =
      `This link opens nothing any more (${me.status}). Start the demo again for new ones.`
    return
  }
  const { user } = JSON.parse(me.text)
  find('who').textContent = `Signed in as ${user.name} (${user.role}), in this tab.`
  document.querySelector('main').hidden = false
  for (const path of shortcuts) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = path
    button.addEventListener('click', () => void show(token, path))
    find('shortcuts').append(button)
  }
  document.querySelector('form').addEventListener('submit', (submitted) => {
    submitted.preventDefault()
    void show(token, find('path').value)
  })
  follow(base, token, {
    onEvent: showEvent,
    onState: (text) => {
      find('line').textContent = text
    },
  })
  for (const path of await listPaths(base)) {
    const option = document.createElement('option')
    option.value = path
    find('paths').append(option)
  }
  await show(token, shortcuts[0])
}

const token = takeToken()
// Another link in the same tab changes nothing but what is behind the #.
addEventListener('hashchange', () => location.reload())
if (token !== null) await begin(token)

/*
 * The API explorer: a page without dependencies that reads /openapi.json and sends requests. Its
 * text comes from the document and the answers alone, and is put into the page as text, never as
 * markup.
 */

export const explorerPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>signalbox API</title>
<link rel="stylesheet" href="explorer.css">
<header>
  <h1>signalbox API</h1>
  <label>Bearer token <input id="token" type="password" autocomplete="off"></label>
</header>
<main id="operations">Reading openapi.json …</main>
<script src="explorer.js"></script>
</html>
`

export const explorerStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1rem }
header { display: flex; justify-content: space-between; align-items: center; flex-wrap: wrap }
summary { cursor: pointer; padding: .4rem 0 }
summary code { margin-right: .75rem }
form { display: grid; gap: .5rem; padding: .5rem 0 1.5rem 1rem }
label { display: grid; grid-template-columns: 14rem 1fr; gap: .5rem; align-items: start }
header label { grid-template-columns: auto auto }
textarea { min-height: 8rem; font: 14px/1.4 ui-monospace, monospace }
button { justify-self: start; padding: .3rem 1.2rem }
pre { overflow: auto; max-height: 30rem; padding: .75rem; border: 1px solid; white-space: pre-wrap }
small { opacity: .75 }
`

export const explorerScript = String.raw`'use strict'
const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}
const token = document.getElementById('token')
// What an operation's body may look like: its required and most telling fields.
const example = (schema) => {
  if (!schema) return ''
  const value = {}
  const fields = schema.properties || {}
  if (fields.workflowType) value.workflowType = { name: 'yourWorkflow' }
  if (fields.input) value.input = []
  if (fields.signalInput) value.signalInput = []
  return schema.type === 'array' ? '[]' : JSON.stringify(value, undefined, 2)
}

function show(path, method, operation) {
  const fields = new Map()
  const form = element('form')
  if (operation.description) form.append(element('small', { textContent: operation.description }))
  for (const parameter of operation.parameters || []) {
    const input = element('input', {
      placeholder: parameter.schema.description || '',
      required: parameter.required === true,
      value: parameter.name === 'namespace' && parameter.in === 'path' ? 'default' : '',
    })
    fields.set(parameter, input)
    const name = parameter.name + (parameter.in === 'path' ? ' *' : '')
    form.append(element('label', {}, name, input))
  }
  const content = operation.requestBody && operation.requestBody.content['application/json']
  const body = content && element('textarea', { value: example(content.schema) })
  if (body) form.append(element('label', {}, 'body', body))
  const answer = element('pre', { hidden: true })
  form.append(element('button', { textContent: 'Send' }), answer)
  let running
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (running) running.abort()
    running = new AbortController()
    answer.hidden = false
    answer.textContent = '…'
    try {
      await send(path, method, fields, body && body.value, answer, running.signal)
    } catch (error) {
      if (error.name !== 'AbortError') answer.textContent = String(error)
    }
  })
  return element(
    'details',
    {},
    element(
      'summary',
      {},
      element('code', { textContent: method.toUpperCase() + ' ' + path }),
      element('small', { textContent: operation.summary }),
    ),
    form,
  )
}

async function send(path, method, fields, body, answer, signal) {
  const headers = {}
  const query = new URLSearchParams()
  let url = path
  for (const [parameter, { value }] of fields) {
    if (parameter.in === 'path') url = url.replace('{' + parameter.name + '}', encodeURIComponent(value))
    else if (value === '') continue
    else if (parameter.in === 'query') query.set(parameter.name, value)
    else headers[parameter.name] = value
  }
  if (token.value !== '') headers.authorization = 'Bearer ' + token.value
  if (body !== undefined) headers['content-type'] = 'application/json'
  const search = String(query)
  const response = await fetch(search === '' ? url : url + '?' + search, {
    method: method.toUpperCase(), headers, body, signal,
  })
  answer.textContent = response.status + ' ' + response.statusText + '\n\n'
  if (!response.body) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    text += value
    answer.textContent = response.status + ' ' + response.statusText + '\n\n' + text
  }
  try {
    answer.textContent = response.status + ' ' + response.statusText + '\n\n' +
      JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    // Lines and events stay as they came.
  }
}

fetch('openapi.json').then((response) => response.json()).then(({ info, paths }) => {
  const main = document.getElementById('operations')
  main.replaceChildren(element('p', { textContent: info.description }))
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) main.append(show(path, method, operation))
  }
}, (error) => {
  document.getElementById('operations').textContent = 'openapi.json cannot be read: ' + error
})
`

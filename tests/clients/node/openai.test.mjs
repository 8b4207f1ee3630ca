// openai-node: chat whole, streamed, with tools and parsed; embeddings and responses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { apiKey, kinds, model, question, url } from './grip.mjs';

const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
const hello = [{ role: 'user', content: 'Say hello' }];
const asked = [{ role: 'user', content: question }];
const parameters = { type: 'object', properties: { city: { type: 'string' } } };

for (const kind of kinds) {
  test(`a chat on ${kind}`, async () => {
    const said = await client.chat.completions.create({ model: model(kind), messages: hello });
    assert.match(said.choices[0].message.content, /^Hello there/);
    assert.equal(said.usage.total_tokens, 28);
  });

  test(`a stream on ${kind}`, async () => {
    const stream = client.chat.completions.stream({
      model: model(kind),
      messages: hello,
      stream_options: { include_usage: true },
    });
    assert.match(await stream.finalContent(), /^Hello there/);
    assert.equal((await stream.totalUsage()).total_tokens, 28);
  });

  test(`tools, run by the client, on ${kind}`, async () => {
    const cities = [];
    const weather = ({ city }) => (cities.push(city), '21 degrees');
    const runner = client.chat.completions.runTools({
      model: model(kind),
      messages: asked,
      stream: true,
      tools: [
        { type: 'function', function: { name: 'weather', function: weather, parse: JSON.parse, parameters } },
      ],
    });
    assert.match(await runner.finalContent(), /21 degrees/);
    assert.deepEqual(cities, ['Rome']);
  });

  test(`a parsed answer on ${kind}`, async () => {
    const said = await client.chat.completions.parse({
      model: model(kind),
      messages: asked,
      response_format: zodResponseFormat(z.object({ city: z.string() }), 'city'),
    });
    assert.deepEqual(said.choices[0].message.parsed, { city: 'Rome' });
  });

  test(`the upstream's refusal on ${kind}`, async () => {
    const messages = [{ role: 'user', content: '[too long]' }];
    const call = client.chat.completions.create({ model: model(kind), messages });
    await assert.rejects(call, OpenAI.BadRequestError);
  });
}

for (const kind of ['openai', 'azure', 'gemini']) {
  test(`embeddings on ${kind}`, async () => {
    const said = await client.embeddings.create({ model: model(kind, 'embedding'), input: ['a', 'b'] });
    assert.deepEqual(said.data[1].embedding, [0.25, -0.5, 1]);
  });
}

for (const kind of ['openai', 'azure']) {
  test(`a streamed response on ${kind}`, async () => {
    const stream = client.responses.stream({ model: model(kind), input: 'Say hello' });
    assert.match((await stream.finalResponse()).output_text, /^Hello there/);
  });
}

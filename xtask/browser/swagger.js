// Swagger UI as a person uses it: sign in, open an operation, try it out, read the response.

/** Signs in through the dialog, which sends the OAuth2 password form to /login. */
export async function authorize(page, { user, password }) {
  await page.locator('.scheme-container .btn.authorize').click();
  const form = page.locator('.auth-container', { hasText: 'OAuth2, password' });
  await form.locator('#oauth_username').fill(user);
  await form.locator('#oauth_password').fill(password);
  await form.locator('button:text-is("Authorize")').click();
  // The button turns to "Logout" when /login has returned a token; otherwise an error is shown.
  const outcome = form.locator('button:text-is("Logout"), .errors');
  await outcome.first().waitFor();
  if (await form.locator('.errors').count()) {
    throw new Error(`Swagger UI: ${await form.locator('.errors').innerText()}`);
  }
  await page.locator('.modal-ux .close-modal').click();
}

/** Executes an operation and returns the status and the JSON that Swagger UI shows. */
export async function execute(page, method, path, body) {
  const operation = page.locator(`.opblock-${method}`, {
    has: page.locator(`.opblock-summary-path[data-path="${path}"]`),
  });
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('.try-out__btn').click();
  if (body !== undefined) {
    await operation.locator('textarea.body-param__text').fill(JSON.stringify(body));
  }
  await operation.locator('.btn.execute').click();
  const live = operation.locator('.live-responses-table .response').first();
  const status = await live.locator('.response-col_status').innerText();
  const shown = await live.locator('.highlight-code pre').first().innerText();
  return { status: Number.parseInt(status, 10), json: JSON.parse(shown) };
}

use super::*;
use crate::filter::redact::fixture::{HEX, VALUE, found};

#[test]
fn quoted_values_are_found() {
    for text in [
        format!("password = \"{VALUE}\""),
        format!("\"api_key\": '{VALUE}'"),
        format!("let client_secret_2 := \"{VALUE}\""),
        format!("TOKEN=\"{VALUE}\""),
        format!("SharedAccessKey = \"{VALUE}\""),
        format!("config['password'] = \"{VALUE}\""),
        format!("const API_TOKEN: &str = \"{VALUE}\";"),
        format!(":secret => '{VALUE}',"),
    ] {
        assert_eq!(found(find, &text), [VALUE], "{text}");
    }
    assert_eq!(found(find, &format!("auth_token: \"{HEX}\"")), [HEX]);
    assert_eq!(found(find, &format!("private_key = \"0x{HEX}{HEX}\"")), [format!("0x{HEX}{HEX}")]);
    for value in [format!("{VALUE}=="), format!("{VALUE}!#x"), format!("!{VALUE}:~x")] {
        assert_eq!(found(find, &format!("password = \"{value}\"")), [value]);
    }
}

#[test]
fn quotes_of_every_kind_are_found() {
    for text in [
        format!("{{\\\"token\\\":\\\"{VALUE}\\\"}}"),
        format!("\"{{\\\\\\\"token\\\\\\\": \\\\\\\"{VALUE}\\\\\\\"}}\""),
        format!("token = `{VALUE}`"),
        format!("token = b\"{VALUE}\""),
        format!("token = rf'{VALUE}'"),
        format!("token = r#\"{VALUE}\"#"),
        format!("var token = @\"{VALUE}\";"),
    ] {
        assert_eq!(found(find, &text), [VALUE], "{text}");
    }
    for text in [format!("token = \\\"{VALUE}\""), format!("token = tab\"{VALUE}\""), format!("token = `{VALUE}'")] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
}

#[test]
fn values_without_quotes_are_found() {
    for text in [
        format!("[default]\naws_secret_access_key = {VALUE}\nregion = eu-west-1"),
        format!("  OKTA_CLIENT_SECRET:        {VALUE}"),
        format!("export API_TOKEN={VALUE}; run"),
        format!("# commit: API_TOKEN={VALUE}"),
        format!("// before the commit: export API_TOKEN={VALUE}"),
        format!("docker run --env=API_TOKEN={VALUE} image"),
        format!("mysql --password={VALUE} clocks"),
        format!("Endpoint=sb://e.org/;SharedAccessKeyName=Root;SharedAccessKey={VALUE};Suffix=y"),
        format!("see (https://firma.e.org/get?a=1&apikey={VALUE}&b=2)"),
        format!("https://firma.e.org/get?token={VALUE}."),
        format!("https://firma.e.org/get?token={VALUE}#top"),
        format!("`PASSWORD={VALUE}`"),
        format!("body = '{{\"key\": \"TOKEN={VALUE}\\n\"}}'"),
        format!("密码 password: {VALUE}。"),
        format!("Is this the token: {VALUE}?"),
        format!("HashiCorp Vault token: {VALUE}"),
        format!("committer_token: {VALUE}"),
        format!("GIT_COMMIT_TOKEN={VALUE}"),
        format!("hash_secret: {VALUE}"),
    ] {
        assert_eq!(found(find, &text), [VALUE], "{text}");
    }
    assert_eq!(found(find, &format!("AccountKey={VALUE}==;x=y")), [format!("{VALUE}==")]);
    assert_eq!(found(find, &format!("?token={HEX}")), [HEX]);
}

#[test]
fn values_without_quotes_can_have_signs() {
    for value in [
        format!("Xq48Q~{VALUE}"),
        format!("5829301746:{VALUE}"),
        format!("{VALUE}!x$y%z@w"),
        format!("{VALUE}%3D%3D"),
        format!("{VALUE}{}", &VALUE.repeat(20)),
    ] {
        for (before, after) in
            [("CLIENT_SECRET=", "\n"), ("token: ", ""), ("https://e.org/cb?access_token=", "&state=1")]
        {
            assert_eq!(found(find, &format!("{before}{value}{after}")), [value.as_str()], "{before}{value}");
        }
    }
    // The name is that before the last colon.
    assert_eq!(found(find, &format!("env:prod:token:{VALUE}")), [VALUE]);
    // Of a URL, another module finds the password without the host.
    assert!(found(find, &format!("amqp://token:{VALUE}@e.org/a")).is_empty());
}

#[test]
fn values_in_markup_are_found() {
    for text in [
        format!("**API key:** `{VALUE}`"),
        format!("**API key**: {VALUE}"),
        format!("Password: **{VALUE}**"),
        format!("**Password: {VALUE}**"),
        format!("password: “{VALUE}”"),
        format!("password=&quot;{VALUE}&quot;"),
        format!("Password: <code>{VALUE}</code>"),
        format!("<b>Secret key:</b> <code class=\"x\">{VALUE}</code>"),
        format!("<tr><td>Password</td><td class=\"v\">{VALUE}</td></tr>"),
        format!("<password><![CDATA[{VALUE}]]></password>"),
        format!("<add key=\"ApiKey\" value=\"{VALUE}\" />"),
        format!("{{\"name\": \"API_KEY\", \"value\": \"{VALUE}\"}}"),
        format!("- name: API_KEY\n  value: {VALUE}\n"),
    ] {
        assert_eq!(found(find, &text), [VALUE], "{text}");
    }
    for text in [
        format!("the API key is in <code>{VALUE}</code>"),
        format!("<td>Name</td><td>{VALUE}</td>"),
        format!("<add key=\"Theme\" value=\"{VALUE}\" />"),
        format!("<name><![CDATA[{VALUE}]]></name>"),
        format!("primary key: {VALUE}"),
    ] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
}

#[test]
fn cells_of_markdown_are_found() {
    for text in [
        format!("| Setting | Value |\n| --- | --- |\n| API key | {VALUE} |"),
        format!("| **Password** | **{VALUE}** | x |"),
        format!("| `api_key` | `{VALUE}` |"),
        format!("> | 1 | Token: |{VALUE}| |"),
    ] {
        assert_eq!(found(find, &text), [VALUE], "{text}");
    }
    for text in [
        format!("| Name | {VALUE} |"),
        format!("| API key | | {VALUE} |"),
        format!("| API key | {VALUE} and more |"),
        format!("| tokenizer | {VALUE} |"),
        format!("| API key |\n| {VALUE} |"),
        format!("x(token || {VALUE} | 1)"),
        format!("sha256 token | {VALUE} |"),
    ] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
}

#[test]
fn addresses_of_coins_and_places_in_lists_are_kept() {
    let solana = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
    for text in [
        format!("USDC token: {solana}"),
        format!("token = \"{solana}\""),
        format!("<td>Token</td><td>{solana}</td>"),
        format!("| Token | {solana} |"),
        format!("<token>{solana}</token>"),
        format!("spl-token --token {solana}"),
        format!("spl-token --token \"{solana}\""),
        format!("[\"--token\", \"{solana}\"]"),
        "USDT token: TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t".to_owned(),
        "api_key: 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa".to_owned(),
        format!("{{\"nextPageToken\": \"{VALUE}\"}}"),
        format!("?page_token={VALUE}&x=y"),
        format!("NextToken: {VALUE}"),
    ] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
    assert_eq!(found(find, &format!("api_key: {solana}")), [solana]);
    assert_eq!(found(find, &format!("access_token: {solana}")), [solana]);
    assert_eq!(found(find, &format!("--api-key {solana}")), [solana]);
    assert_eq!(found(find, &format!("<password>{solana}</password>")), [solana]);
}

#[test]
fn values_after_flags_and_in_elements_are_found() {
    for text in [
        format!("curl --token {VALUE}"),
        format!("curl --token '{VALUE}' https://e.org"),
        format!("`tool -password {VALUE} run`"),
        format!("CMD [\"tool\", \"--api-key\", \"{VALUE}\"]"),
        format!("<password>{VALUE}</password>"),
        format!("<w:apiKey kind=\"b\">{VALUE}</w:apiKey>"),
        format!("<string name=\"maps_api_key\">{VALUE}</string>"),
    ] {
        assert_eq!(found(find, &text), [VALUE], "{text}");
    }
    for text in [
        format!("curl --max-tokens {VALUE}"),
        format!("the access-token {VALUE}"),
        format!("--token {VALUE}(x)"),
        format!("<name>{VALUE}</name>"),
        format!("<tokenizer>{VALUE}</tokenizer>"),
        format!("<password>{VALUE} and more</password>"),
        format!("</password>{VALUE}</b>"),
    ] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
}

#[test]
fn similar_text_is_kept() {
    for text in [
        format!("name = \"{VALUE}\""),
        format!("sha256_token = \"{VALUE}\""),
        format!("checksum_token = \"{HEX}\" # md5"),
        format!("\"tokenizer\": \"{VALUE}\""),
        format!("\"token_type\": \"{VALUE}\""),
        format!("password = \"${VALUE}\""),
        format!("password = \"amqp://{VALUE}\""),
        format!("secret = \"(?=.*{VALUE})\""),
        "password = \"correct-horse-battery-staple\"".to_owned(),
        "password: \"your-password-here\"".to_owned(),
        "api_key = \"your-Api-Key-Goes-Here-12\"".to_owned(),
        "token: \"xxxxxxxxXXXXXXXX1234xxxx\"".to_owned(),
        "secret_name = \"app.settings.secret.name1\"".to_owned(),
        "tokenizer = \"Qwen/Qwen2.5-7B-Instruct\"".to_owned(),
        "token = \"Qwen/QwQ-32B-AWQ-GGUF-Q4\"".to_owned(),
        "\"tokenizer_name\": \"mistralai/Mistral-7B-Instruct-v0.3\"".to_owned(),
        "token: \"0x6B175474E89094C44Da98b954EedeAC495271d0F\"".to_owned(),
        "token: \"550e8400-e29b-41d4-a716-446655440000\"".to_owned(),
        "token_type: \"Bearer\"".to_owned(),
        "key = \"ctrl+shift+p\"".to_owned(),
        "<p class=\"password-field Token2 H1a B2c D3e F4g\">".to_owned(),
        format!("\"jsonwebtoken\": \"sha512-{VALUE}{VALUE}==\""),
        format!("<img alt=\"token\" src=\"data:image/png;base64,{VALUE}{VALUE}==\">"),
    ] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
}

#[test]
fn similar_text_without_quotes_is_kept() {
    for text in [
        format!("name = {VALUE}"),
        format!("password = ${VALUE}"),
        format!("password: ${{{VALUE}}}"),
        format!("token = <{VALUE}>"),
        format!("token = {VALUE}(x)"),
        format!("token = {VALUE}[0]"),
        format!("if token == {VALUE} {{}}"),
        format!("token::{VALUE}"),
        format!("mail: user:{VALUE}@e.org"),
        format!("api_key = YOUR{VALUE}"),
        format!("token: https://e.org/{VALUE}"),
        format!("image-secret: Team3/Repo2@sha256:{HEX}{HEX}"),
        format!("token: a1::{VALUE}"),
        "secret: 9f:86:d0:81:88:4c:7d:65:9a:2f:ea:a0:c5:5a:d0:15:A3:BF".to_owned(),
        "token_arn: arn:aws:iam::123456789012:role/MyRole1Token".to_owned(),
        format!("checksum of the token: {VALUE}"),
        format!("  SecretKit: {HEX}"),
        format!("  tokenizer_revision: {HEX}"),
        format!("resolved secret-lib#{HEX}"),
        format!("secretstorage --hash=sha256:{HEX}"),
        "token = os.environ[\"K3J9xQ2mZ8vB4nL7tR1wP6sY\"]".to_owned(),
        "token = getOAuth2TokenForUser1".to_owned(),
        "apiKey: process.env.AUTH0_SECRET_KEY2".to_owned(),
        "password: changeme".to_owned(),
        "secretName: my-TLS-secret-Prod01-Cluster02".to_owned(),
        "tokenContract: 0x6B175474E89094C44Da98b954EedeAC495271d0F".to_owned(),
        "token: 0x6B175474E89094C44Da98b954EedeAC495271d0F".to_owned(),
        "token: 550e8400-e29b-41d4-a716-446655440000".to_owned(),
    ] {
        assert!(found(find, &text).is_empty(), "{text}");
    }
}

#[test]
fn signs_quotes_and_blanks_without_values_take_linear_time() {
    for piece in [
        "token= :",
        "=",
        "password: ",
        "token=\"",
        "\\\"",
        "--token ",
        "<token>",
        ">",
        "- ",
        "token:",
        "a:",
        ":<b x=>",
        "<b>",
        "token:**",
        "<td>",
        "|",
        "| a ",
        "|**",
        "| token ",
    ] {
        assert!(found(find, &piece.repeat(400_000)).is_empty(), "{piece}");
    }
}

filedesc://a.arc 0.0.0.0 19970101000000 text/plain 76
1 0 InternetArchive
URL IP-address Archive-date Content-type Archive-length

http://e.org/a b 192.0.2.1 19970102030405 text/html 51
HTTP/1.0 200 OK
Content-Type: text/html

<p>old</p>
http://e.org/v2 192.0.2.1 20010102030405 text/html 200 - - 700 a.arc 51
HTTP/1.0 200 OK
Content-Type: text/html

<p
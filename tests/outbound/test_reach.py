"""Nothing inside is called for a user, however its address is written."""

from ipaddress import ip_address

import pytest

from chatapp.outbound.fetch import Unreachable, fetch
from chatapp.outbound.reach import NotAllowed, is_public

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.0.1",
    "172.15.0.1",
    "172.32.0.0",
    "192.167.0.1",
    "192.169.0.0",
    "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_called(names, address):
    assert not is_public(ip_address(address))
    names["evil.test"] = [[address]]
    with pytest.raises(NotAllowed):
        fetch("https://evil.test/")
    with pytest.raises(NotAllowed):
        fetch(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "LOCALHOST", "１２７.0.0.1"]
)
def test_other_spellings_of_loopback_are_loopback(host):
    with pytest.raises((NotAllowed, Unreachable)):
        fetch(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "page",
        "//page.test/",
        "ftp://page.test/",
        "file:///etc/passwd",
        "gopher://page.test/",
        "https://",
        "https:///x",
        "https://user@page.test/",
        "https://user:word@page.test/",
        "https://page.test:x/",
        "https://page.test:99999/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://page.test/a b",
        "https://page.test/\r\nX: y",
    ],
)
def test_what_is_no_web_address_is_not_called(names, url):
    names["page.test"] = [["1.1.1.1"]]
    with pytest.raises(NotAllowed):
        fetch(url)


@pytest.mark.parametrize("url", ["http://public.test/", "https://public.test:22/", "http://public.test:443/"])
def test_outside_only_https_on_its_port_is_called(names, url):
    names["public.test"] = [["1.1.1.1"]]
    with pytest.raises(NotAllowed):
        fetch(url)

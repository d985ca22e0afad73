"""Frequency responses: linear-phase taps from bands, and what given taps achieve, exactly."""
from dataclasses import dataclass
import numpy as np
from numpy.typing import NDArray
from scipy import signal

@dataclass(frozen=True)
class Band:
    start: float; stop: float; gain: float; lower: float; upper: float; passband: bool
@dataclass(frozen=True)
class Mask:
    bands: tuple[Band, ...]; gain: float | None = 1.0
@dataclass(frozen=True)
class Measurement:
    gain: float; ripple: float|None; ripple_db: float|None; attenuation: float|None; attenuation_db: float|None; error: float; violation: float
def basis(taps, f):
    n=(taps+1)//2; k=np.arange(n); B=2*np.cos(2*np.pi*np.outer(f,(taps-1)/2-k))
    if taps%2: B[:,-1]/=2
    return B
def grid(mask,taps,density=16):
    out=[]
    for b in mask.bands: out.append(np.linspace(b.start,b.stop,max(8,int(np.ceil((b.stop-b.start)*2*density*taps/2))+1)))
    return np.concatenate(out)
def limits(mask,f):
    lo=np.empty(len(f)); hi=np.empty(len(f))
    for b in mask.bands:
        s=(f>=b.start-1e-15)&(f<=b.stop+1e-15)
        lo[s]=b.lower if b.passband else -b.upper; hi[s]=b.upper
    return lo,hi
def measure(taps,mask):
    f=grid(mask,len(taps),256); H=np.abs(np.exp(-2j*np.pi*np.outer(f,np.arange(len(taps))))@np.asarray(taps))
    pb=[]; sb=[]; v=0; i=0; er=0; 
    p=np.zeros(len(f),bool); D=np.zeros(len(f))
    for b in mask.bands:
        s=(f>=b.start-1e-15)&(f<=b.stop+1e-15)
        if b.passband: p[s]=True; D[s]=b.gain
    G=mask.gain if mask.gain is not None else (H[p]/D[p]).max()/2+(H[p]/D[p]).min()/2
    r=(H[p]/D[p]/G); rip=np.abs(r-1).max(); rdb=np.abs(20*np.log10(r)).max(); a=(H[~p]/G).max() if (~p).any() else None
    lo,hi=limits(mask,f); c=(lo+hi)/2; h=(hi-lo)/2
    v=(np.abs(H/G-np.where(p,c,0))/h).max()
    b0=mask.bands[0]; h0=(b0.upper-b0.lower)/2 if b0.passband else b0.upper
    er=(np.abs(H/G-D)/h).max()*h0
    return Measurement(float(G),float(rip),float(rdb),None if a is None else float(a),None if a is None else float(-20*np.log10(a)),float(er),float(v))
def remez(mask,taps):
    e=[];d=[];w=[]
    for b in mask.bands:
        e+= [b.start,b.stop]; g=mask.gain or 1.0
        d.append(g*(b.lower+b.upper)/2 if b.passband else 0); w.append(1/((b.upper-b.lower)/2 if b.passband else b.upper))
    return signal.remez(taps,e,d,weight=w,fs=1.0,maxiter=100,grid_density=32)
def shortest(mask,limit=1024):
    n=8
    tr=min(b.start-a.stop for a,b in zip(mask.bands,mask.bands[1:]))
    n=max(3,int(20/22/ tr)); 
    ok=lambda n: measure(remez(mask,n),mask).violation<=1
    while not ok(n): n+=8
    while ok(n-1): n-=1
    return remez(mask,n)
